package versionedassets

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// readRecord returns the record of an archive directory. It is empty if there is no valid one, and the name of the directory does not
// tell.
func readRecord(directory string) siteRecord {
	var record siteRecord
	content, err := os.ReadFile(filepath.Join(directory, recordFile))
	if err == nil && json.Unmarshal(content, &record) == nil && len(record.Hosts) > 0 && len(record.Prefixes) > 0 {
		return record
	}
	return recordInName(filepath.Base(directory))
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

// recordInName guesses the site and prefix of a directory without a record from its name: usher did not always write records. The hash
// in the name verifies a guess.
func recordInName(name string) siteRecord {
	readable := name[:max(len(name)-len("-01234567"), 0)]
	for end := range len(readable) + 1 { // of the site
		if end < len(readable) && readable[end] != '-' {
			continue
		}
		for _, site := range sitesWritten(readable[:end]) {
			for _, prefix := range prefixesWritten(readable[end:]) {
				if directoryName(site+prefix, site+"\n"+prefix) == name {
					return siteRecord{Hosts: strings.Split(site, "+"), Prefixes: []string{prefix}}
				}
			}
		}
	}
	return siteRecord{}
}

// sitesWritten returns the sites that a name may show.
func sitesWritten(readable string) []string {
	wildcards := strings.ReplaceAll(readable, "+-.", "+*.")
	return []string{readable, wildcards, "*." + wildcards, strings.Replace(readable, anyHost+"-", anyHost+":", 1)}
}

// maxGuesses bounds the prefixes that are tried.
const maxGuesses = 100

// prefixesWritten returns the prefixes that a name may show.
func prefixesWritten(readable string) []string {
	if readable == "" {
		return []string{"/"}
	}
	segments := strings.Split(readable, "-")[1:]
	prefixes := []string{"/" + segments[0]}
	for _, segment := range segments[1:] {
		var longer []string
		for _, prefix := range prefixes {
			longer = append(longer, prefix+"/"+segment, prefix+"-"+segment, prefix+"_"+segment)
		}
		if prefixes = longer; len(prefixes) > maxGuesses {
			return nil
		}
	}
	for i := range prefixes {
		prefixes[i] += "/"
	}
	return prefixes
}
