package main

import (
	_ "embed"
	"path/filepath"
	"strconv"
)

// djangoAdmin is the Python program that writes a release of Django's admin.
//
//go:embed django_admin.py
var djangoAdmin string

// writeDjangoAdmin runs collectstatic, and lets the admin write its page. A deploy changes one script and one stylesheet of the
// admin.
func writeDjangoAdmin(_ tools, source, output string, release int) {
	program := filepath.Join(source, "release.py")
	write(program, djangoAdmin)
	run(source, "/usr/bin/python3", program, output, strconv.Itoa(release), marker(release))
}
