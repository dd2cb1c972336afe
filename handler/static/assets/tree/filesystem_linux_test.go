package tree

import "testing"

func TestSilentFileSystems(t *testing.T) {
	t.Parallel()
	for number, want := range map[uint32]string{
		0x6969: "nfs", 0x794c7630: "overlayfs", 0xff534d42: "cifs", 0x65735546: "fuse", 0x01021997: "9p",
		0xef53: "", 0x01021994: "", 0x58465342: "", 0x9123683e: "", // ext4, tmpfs, xfs, btrfs
	} {
		if got, known := silentKind(number); got != want || known != (want != "") {
			t.Errorf("%x is %q, want %q", number, got, want)
		}
	}
	if kind, known := silentFileSystem("/proc/self"); known {
		t.Errorf("proc is %s", kind)
	}
	if _, known := silentFileSystem("/nowhere/at/all"); known {
		t.Error("a missing directory counts as one without events")
	}
}
