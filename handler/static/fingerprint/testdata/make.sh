#!/bin/sh
# Builds the trees of this directory: make.sh <tool>... builds some, make.sh builds all. The work is done in a temporary directory.
# Needs node and npm. The tools in make/servers.sh need the packages listed there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# begin <package>...: makes a project with the source of the site and the packages.
begin() {
	project=$temporary/$(echo "$*" | tr -c 'a-z0-9.\n' - | cut -c 1-60)
	mkdir -p "$project"
	cp -R "$here/site/." "$project"
	cd "$project"
	echo '{"private":true,"type":"module"}' >package.json
	npm install --no-audit --no-fund --loglevel=error "$@" >&2
}

# keep <directory> <tree>: copies an output directory to a tree of the corpus.
keep() {
	rm -rf "${here:?}/$2"
	cp -R "$1" "$here/$2"
	echo "$2: $(find "$here/$2" -type f -exec cat {} + | wc -c) bytes"
}

# installed <package>: prints the version that npm installed.
installed() {
	node -p "require('./node_modules/$1/package.json').version" | cat
}

for family in "$here"/make/*.sh; do
	. "$family"
done

tools=${*:-vite4 vite5 vite6 vite7 vite8 sveltekit astro nuxt reactrouter webpack chunkhash next mix cra encore vuecli gatsby
	docusaurus rspack rsbuild esbuild bun rollup parcel angular eleventy gulprev django whitenoise compressor webassets hugo
	jekyll sprockets propshaft phoenix plain assetmapper}
for tool in $tools; do
	case $tool in
	vite4) vite 4.5.14 ;;
	vite5) vite 5.4.21 ;;
	vite6) vite 6.4.6 ;;
	vite7) vite 7.3.8 ;;
	vite8) vite 8.3.8 ;;
	*) "$tool" ;;
	esac
done
