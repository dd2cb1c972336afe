package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

// packages are the build tools and frameworks, by exact version.
var packages = []string{
	"vite@8.4.0", "@vitejs/plugin-vue@6.0.11", "@vitejs/plugin-react@6.3.0", "vue@3.5.45", "react@19.3.1", "react-dom@19.3.1",
	"esbuild@0.28.2",
}

// build is an application whose releases are served.
type build struct {
	name  string // of the flag -builds
	title string // of its column
	// assets begins the URL paths that the peers take for versions.
	assets string
	// byOperator is true if usher needs `immutable` to trust the names.
	byOperator bool
	write      func(t tools, source, output string, release int)
}

// builds are the builds, in the order of the columns.
var builds = []build{
	{"vite-vue", "Vite, Vue", "/assets/", false, func(t tools, source, output string, release int) {
		writeVue(source, release)
		t.vite(source, output, "@vitejs/plugin-vue")
	}},
	{"vite-react", "Vite, React", "/assets/", false, func(t tools, source, output string, release int) {
		writeReact(source, release)
		t.vite(source, output, "@vitejs/plugin-react")
	}},
	{"django-admin", "Django's admin", "/static/", false, writeDjangoAdmin},
	{"esbuild-react", "esbuild, React", "/assets/", true, func(t tools, source, output string, release int) {
		writeReact(source, release)
		t.esbuild(source, output)
	}},
}

// components is how many components each application has. A deploy changes one of them.
const components = 40

// tools is the directory with the installed packages.
type tools string

func installTools(dir string) tools {
	write(filepath.Join(dir, "package.json"), `{"private": true, "type": "module"}`)
	run(dir, "npm", append([]string{"install", "--no-audit", "--no-fund", "--silent"}, packages...)...)
	return tools(dir)
}

// releases builds the first release of an application and those of the deploys, and returns their directories.
func (t tools) releases(b build, deploys int) (releases []string) {
	source := filepath.Join(string(t), b.name)
	for release := range deploys + 1 {
		output := filepath.Join(source, "release"+strconv.Itoa(release))
		b.write(t, source, output, release)
		compressAll(output)
		releases = append(releases, output)
	}
	return releases
}

func (t tools) vite(source, output, plugin string) {
	write(filepath.Join(source, "vite.config.js"), fmt.Sprintf(`import plugin from %q;
export default {plugins: [plugin()], build: {manifest: true, outDir: %q, emptyOutDir: true}, logLevel: "error"};
`, plugin, output))
	write(filepath.Join(source, "index.html"), page("/src/main.jsx"))
	run(source, filepath.Join(string(t), "node_modules", ".bin", "vite"), "build")
}

func (t tools) esbuild(source, output string) {
	run(source, filepath.Join(string(t), "node_modules", ".bin", "esbuild"), "src/main.jsx", "--bundle", "--minify", "--format=esm", "--jsx=automatic",
		"--define:process.env.NODE_ENV=\"production\"", "--entry-names=assets/[name]-[hash]", "--outdir="+output, "--log-level=error")
	scripts, err := filepath.Glob(filepath.Join(output, "assets", "*.js"))
	if err != nil || len(scripts) != 1 {
		peers.Fatalf("esbuild made %d scripts, want 1", len(scripts))
	}
	write(filepath.Join(output, "index.html"), page("/assets/"+filepath.Base(scripts[0])))
}

func page(script string) string {
	return fmt.Sprintf(`<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>visits</title><div id="app"></div>
<script type="module" src="%s"></script></html>
`, script)
}

// marker is the text that a release shows.
func marker(release int) string { return fmt.Sprintf("this is release %d", release) }

// sentence is the text of a component. The component in the middle has the marker of the release.
func sentence(component, release int) string {
	if component == components/2 {
		return marker(release)
	}
	return fmt.Sprintf("component %d of the application shows its own text, with a number: %d", component, component*component*7919)
}

func writeVue(source string, release int) {
	var imports, names strings.Builder
	for i := range components {
		write(filepath.Join(source, "src", fmt.Sprintf("Part%d.vue", i)), fmt.Sprintf(`<script setup>
import {ref} from "vue";
const count = ref(%d);
</script>
<template><section class="part"><h2>Part %[1]d</h2><p>%s</p><button @click="count++">{{ count }}</button></section></template>
`, i, sentence(i, release)))
		fmt.Fprintf(&imports, "import Part%d from \"./Part%[1]d.vue\";\n", i)
		fmt.Fprintf(&names, "Part%d, ", i)
	}
	write(filepath.Join(source, "src", "main.jsx"), fmt.Sprintf(`import {createApp, h} from "vue";
%screateApp({render: () => [%s].map((part) => h(part))}).mount("#app");
`, imports.String(), names.String()))
}

func writeReact(source string, release int) {
	var imports, elements strings.Builder
	for i := range components {
		write(filepath.Join(source, "src", fmt.Sprintf("Part%d.jsx", i)), fmt.Sprintf(`import {useState} from "react";
export default function Part%d() {
	const [count, setCount] = useState(%[1]d);
	return <section className="part"><h2>Part %[1]d</h2><p>%s</p><button onClick={() => setCount(count + 1)}>{count}</button></section>;
}
`, i, sentence(i, release)))
		fmt.Fprintf(&imports, "import Part%d from \"./Part%[1]d.jsx\";\n", i)
		fmt.Fprintf(&elements, "<Part%d/>", i)
	}
	write(filepath.Join(source, "src", "main.jsx"), fmt.Sprintf(`import {createRoot} from "react-dom/client";
%screateRoot(document.getElementById("app")).render(<main>%s</main>);
`, imports.String(), elements.String()))
}

func write(name, content string) {
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, []byte(content), 0o644)
	}
	if err != nil {
		peers.Fatalf("%v", err)
	}
}

// buildTimeout is how long one command may take.
const buildTimeout = 5 * time.Minute

func run(dir, program string, arguments ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		peers.Fatalf("%s: %v\n%s", program, err, out)
	}
}
