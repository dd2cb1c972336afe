package tree

import "syscall"

// silentFileSystems report no events for some changes: on another machine, or in the layers below. The numbers are from statfs(2).
var silentFileSystems = map[uint32]string{
	0x00006969: "nfs", 0x0000517b: "smb", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x65735546: "fuse", 0x01021997: "9p",
	0x00c36400: "ceph", 0x5346414f: "afs", 0x6b414653: "afs", 0x73757245: "coda", 0x0bd00bd0: "lustre",
	0x01161970: "gfs2", 0x7461636f: "ocfs2", 0x794c7630: "overlayfs", 0x61756673: "aufs", 0x786f4256: "vboxsf",
	0x0000564c: "ncp", 0x47504653: "gpfs", 0x19830326: "beegfs",
}

// silentFileSystem names the file system of a directory if it does not report every change.
func silentFileSystem(dir string) (string, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "", false
	}
	return silentKind(uint32(stat.Type))
}

func silentKind(number uint32) (string, bool) {
	name, known := silentFileSystems[number]
	return name, known
}
