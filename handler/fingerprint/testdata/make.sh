#!/bin/sh
# Makes the trees of this directory anew: make.sh <tool>...; without arguments, all of them.
# Wants node and npm; for Django a python3 that has it. Works in a temporary directory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# begin <package>...: an empty project with the source of the site and these packages.
begin() {
	project=$temporary/$(echo "$1" | tr -c 'a-z0-9.\n' -)
	mkdir -p "$project"
	cp -R "$here/site/." "$project"
	cd "$project"
	echo '{"private":true,"type":"module"}' >package.json
	npm install --no-audit --no-fund --loglevel=error "$@" >&2
}

# keep <directory> <tree>: the output becomes a tree of the corpus.
keep() {
	rm -rf "${here:?}/$2"
	cp -R "$1" "$here/$2"
	echo "$2: $(find "$here/$2" -type f -exec cat {} + | wc -c) bytes"
}

vite() {
	begin "vite@$1"
	cat >vite.config.js <<-'CONFIG'
		export default { logLevel: 'error', build: { manifest: true, assetsInlineLimit: 0, modulePreload: false } }
	CONFIG
	npx vite build
	keep dist "vite-$1"
}

webpack() {
	begin webpack@5.112.2 webpack-manifest-plugin@6.0.1 webpack-bundle-tracker@3.2.1 css-loader@7 mini-css-extract-plugin@2
	cat >build.mjs <<-'CONFIG'
		import webpack from 'webpack'
		import BundleTracker from 'webpack-bundle-tracker'
		import Extract from 'mini-css-extract-plugin'
		import { WebpackManifestPlugin } from 'webpack-manifest-plugin'
		const [out, variant] = process.argv.slice(2)
		const extra = { 'webpack': {}, 'map': { devtool: 'source-map' }, 'xxhash64': {} }[variant]
		const output = variant === 'xxhash64' ? { hashFunction: 'xxhash64' } : {}
		const length = variant === 'map' ? ':8' : ''
		webpack({
			mode: 'production', entry: './main.js', ...extra,
			output: {
				path: process.cwd() + '/' + out, publicPath: '/static/', clean: true,
				filename: `[name].[contenthash${length}].js`, chunkFilename: `js/[id].[contenthash${length}].chunk.js`,
				assetModuleFilename: 'media/[name].[hash][ext]', ...output,
			},
			module: { rules: [
				{ test: /\.css$/, use: [Extract.loader, 'css-loader'] }, { test: /\.(svg|woff2)$/, type: 'asset/resource' },
			] },
			plugins: [
				new Extract({ filename: `css/[name].[contenthash${length}].css` }),
				new WebpackManifestPlugin(), new BundleTracker({ path: process.cwd() + '/' + out, filename: 'webpack-stats.json' }),
			],
		}, (error, stats) => { if (error || stats.hasErrors()) { console.error(error || stats.toString()); process.exit(1) } })
	CONFIG
	for variant in webpack map xxhash64; do
		node build.mjs "$variant" "$variant"
		cp public/* "$variant"
		# The tracker notes where the build ran.
		node -e "const f='$variant/webpack-stats.json',s=JSON.parse(fs.readFileSync(f));for(const a of Object.values(s.assets))delete a.path;fs.writeFileSync(f,JSON.stringify(s))"
	done
	keep webpack webpack-5.112.2
	keep map webpack-5.112.2-source-map
	keep xxhash64 webpack-5.112.2-xxhash64
}

esbuild() {
	begin esbuild@0.28.2
	npx esbuild main.js worker.js --bundle --splitting --format=esm --minify --loader:.svg=file --loader:.woff2=file \
		--entry-names='[dir]/[name]-[hash]' --outdir=out --metafile=out/meta.json --log-level=error
	cp public/* out
	keep out esbuild-0.28.2
}

rollup() {
	begin rollup@4.68.7
	cat >rollup.config.js <<-'CONFIG'
		import fs from 'node:fs'
		import path from 'node:path'
		const files = {
			name: 'files',
			load(id) {
				if (!/\.(svg|woff2|css)$/.test(id)) return
				const ref = this.emitFile({ type: 'asset', name: path.basename(id), source: fs.readFileSync(id) })
				return `export default import.meta.ROLLUP_FILE_URL_${ref}`
			},
		}
		const output = (dir, hash, hashCharacters) => ({
			dir: 'out/' + dir, hashCharacters, entryFileNames: `[name]-[${hash}].js`, chunkFileNames: `chunks/[name]-[${hash}].js`,
			assetFileNames: `assets/[name]-[${hash}][extname]`,
		})
		export default {
			input: ['main.js'], plugins: [files],
			output: [output('base64', 'hash'), output('long', 'hash:21'), output('base36', 'hash:12', 'base36'), output('hex', 'hash:16', 'hex')],
		}
	CONFIG
	npx rollup -c --silent
	keep out rollup-4.68.7
}

parcel() {
	begin parcel@2.16.4
	echo '{"extends":"@parcel/config-default","transformers":{"*.woff2":["@parcel/transformer-raw"]}}' >.parcelrc
	npx parcel build index.html --no-source-maps --no-cache --log-level error
	cp public/* dist
	keep dist parcel-2.16.4
}

sveltekit() {
	begin @sveltejs/kit@2.70.4 @sveltejs/adapter-static@3 @sveltejs/vite-plugin-svelte svelte@5 vite@8
	mkdir -p src/routes static
	mv public/* static
	cp main.js style.css logo.svg font.woff2 shared.js lazy.js worker.js src/routes
	cat >svelte.config.js <<-'CONFIG'
		import adapter from '@sveltejs/adapter-static'
		export default { kit: { adapter: adapter({ fallback: '404.html' }), version: { name: 'corpus' } } }
	CONFIG
	cat >vite.config.js <<-'CONFIG'
		import { sveltekit } from '@sveltejs/kit/vite'
		export default { logLevel: 'error', plugins: [sveltekit()], build: { assetsInlineLimit: 0 } }
	CONFIG
	echo '<!doctype html><head>%sveltekit.head%</head><body>%sveltekit.body%</body>' >src/app.html
	echo 'export const prerender = true' >src/routes/+layout.js
	cat >src/routes/+page.svelte <<-'PAGE'
		<script>
			import './style.css'
			import { onMount } from 'svelte'
			import logo from './logo.svg'
			onMount(() => import('./main.js'))
		</script>
		<div id="orders"><img src={logo} alt=""></div>
	PAGE
	npx vite build >&2
	# Svelte itself is large, and is named like the rest.
	find build -size +20k -delete
	keep build "sveltekit-$(installed @sveltejs/kit)"
}

astro() {
	begin astro@5.18.2
	mkdir -p src/pages
	cp main.js style.css logo.svg font.woff2 shared.js lazy.js worker.js src
	echo "export default { build: { inlineStylesheets: 'never' }, vite: { build: { assetsInlineLimit: 0 } } }" >astro.config.mjs
	cat >src/pages/index.astro <<-'PAGE'
		---
		import '../style.css'
		import logo from '../logo.svg?url'
		---
		<html><body><div id="orders"></div><img src={logo}><script>import '../main.js'</script></body></html>
	PAGE
	ASTRO_TELEMETRY_DISABLED=1 npx astro build --silent >&2
	keep dist "astro-$(installed astro)"
}

next() {
	begin next@16.4.6 react react-dom
	mkdir -p pages
	echo "export default { output: 'export' }" >next.config.mjs
	echo "import '../style.css'; export default ({ Component, pageProps }) => <Component {...pageProps} />" >pages/_app.jsx
	cat >pages/index.jsx <<-'PAGE'
		import logo from '../logo.svg'
		import dynamic from 'next/dynamic'
		const Late = dynamic(() => import('../late.jsx'))
		export default () => <><div id="orders" /><img src={logo.src} alt="" /><Late /></>
	PAGE
	echo "export default () => <p>late</p>" >late.jsx
	NEXT_TELEMETRY_DISABLED=1 npx next build >&2
	# React and the polyfills are large, and are named like the rest.
	find out -size +24k -delete
	keep out "next-$(installed next)"
}

nuxt() {
	begin nuxt@4.4.5
	echo "export default defineNuxtConfig({ ssr: false, telemetry: false, compatibilityDate: '2026-01-01', app: { buildAssetsDir: '/_nuxt/' }, vite: { build: { assetsInlineLimit: 0 } } })" >nuxt.config.ts
	mkdir -p app
	mv style.css logo.svg font.woff2 app
	cat >app/app.vue <<-'PAGE'
		<script setup>
		import logo from './logo.svg'
		import './style.css'
		</script>
		<template><div id="orders"><img :src="logo"></div></template>
	PAGE
	npx nuxt build >&2
	# Vue is large, and is named like the rest.
	find .output/public -size +20k -delete
	keep .output/public "nuxt-$(installed nuxt)"
}

mix() {
	begin laravel-mix@6.0.49 webpack@5.76.0
	echo '{"private":true}' >package.json
	cat >webpack.mix.js <<-'CONFIG'
		const mix = require('laravel-mix')
		mix.setPublicPath('out').js('shared.js', 'js').postCss('style.css', 'css').version()
	CONFIG
	NODE_ENV=production npx mix --production >&2
	cp public/* out
	keep out "mix-$(installed laravel-mix)"
}

# installed <package>: the version that npm chose.
installed() {
	node -p "require('./node_modules/$1/package.json').version" | cat
}

django() {
	mkdir -p "$temporary/django/source/js" "$temporary/django/source/css"
	cd "$temporary/django"
	cp "$here/site/public/"* source
	cp "$here"/site/*.js source/js
	cp "$here"/site/style.css "$here"/site/*.svg "$here"/site/*.woff2 source/css
	cat >collect.py <<-'CONFIG'
		import os
		import django
		from django.conf import settings
		from django.core.management import call_command
		storage = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'
		settings.configure(INSTALLED_APPS=['django.contrib.staticfiles'], STATIC_URL='/static/', STATIC_ROOT='out',
		                   STATICFILES_DIRS=['source'], STATICFILES_STORAGE=storage, USE_TZ=True,
		                   STORAGES={'staticfiles': {'BACKEND': storage}})
		django.setup()
		call_command('collectstatic', interactive=False, verbosity=0)
		print(django.get_version())
	CONFIG
	version=$(${PYTHON:-python3} collect.py)
	keep out "django-$version"
}

tools=${*:-vite4 vite5 vite8 webpack esbuild rollup parcel sveltekit astro next nuxt mix django}
for tool in $tools; do
	case $tool in
	vite4) vite 4.5.14 ;;
	vite5) vite 5.4.21 ;;
	vite8) vite 8.3.8 ;;
	*) "$tool" ;;
	esac
done
