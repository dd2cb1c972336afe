package versionedassets

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// recordFile is the file of an archive directory that says whose archive it is.
const recordFile = "site"

// siteRecord says of which URLs an archive directory has versions and promises.
type siteRecord struct {
	// Hosts are all hosts for which the directory was used. A site of every host is written as by siteOf.
	Hosts []string `json:"hosts"`
	// Prefixes are the URL prefixes, with what handle_path removes.
	Prefixes []string `json:"prefixes"`
	// Root is the directory that was served last.
	Root string `json:"root,omitempty"`
}

// readRecord returns the record of an archive directory. It is empty if there is no valid one.
func readRecord(directory string) siteRecord {
	var record siteRecord
	content, err := os.ReadFile(filepath.Join(directory, recordFile))
	if err != nil || json.Unmarshal(content, &record) != nil {
		return siteRecord{}
	}
	return record
}

// add adds what another record has to the record. It keeps the hosts and prefixes of earlier configurations: browsers hold their URLs.
func (r *siteRecord) add(other siteRecord) {
	r.Hosts = slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.Hosts, other.Hosts))))
	r.Prefixes = slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.Prefixes, other.Prefixes))))
	r.Root = other.Root
}

// writeRecord adds a record to that of a directory.
func writeRecord(directory string, added siteRecord) error {
	record := readRecord(directory)
	record.add(added)
	content, err := json.Marshal(record)
	if err != nil {
		return err
	}
	file := filepath.Join(directory, recordFile)
	if before, err := os.ReadFile(file); err == nil && string(before) == string(content) {
		return nil
	}
	return atomicfile.Write(file, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
