# Vite, and frameworks that use it.

vite() {
	begin "vite@$1"
	cat >vite.config.js <<-'CONFIG'
		export default { logLevel: 'error', build: { manifest: true, assetsInlineLimit: 0, modulePreload: false } }
	CONFIG
	npx vite build
	keep dist "vite-$1"
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
	# The chunk of Svelte is large, and its name has the same form as the others.
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
	# The chunk of Vue is large, and its name has the same form as the others.
	find .output/public -size +20k -delete
	keep .output/public "nuxt-$(installed nuxt)"
}

reactrouter() {
	begin --legacy-peer-deps @react-router/dev@7 @react-router/node@7 @react-router/serve@7 react-router@7 react@19 react-dom@19 isbot@5 vite@7.3.8
	mkdir -p app/routes
	mv style.css logo.svg font.woff2 main.js shared.js lazy.js worker.js app
	rm index.html
	cat >vite.config.js <<-'CONFIG'
		import { reactRouter } from '@react-router/dev/vite'
		export default { logLevel: 'error', plugins: [reactRouter()], build: { assetsInlineLimit: 0 } }
	CONFIG
	echo "export default { ssr: false }" >react-router.config.js
	echo "import { index } from '@react-router/dev/routes'; export default [index('routes/home.jsx')]" >app/routes.js
	cat >app/root.jsx <<-'PAGE'
		import { Outlet, Scripts, Links } from 'react-router'
		import './style.css'
		export default () => <html lang="en"><head><Links /></head><body><Outlet /><Scripts /></body></html>
	PAGE
	cat >app/routes/home.jsx <<-'PAGE'
		import { useEffect } from 'react'
		import logo from '../logo.svg'
		export default () => { useEffect(() => { import('../main.js') }, []); return <div id="orders"><img src={logo} alt="" /></div> }
	PAGE
	npx react-router build >&2
	find build/client -size +20k -delete
	keep build/client "react-router-$(installed @react-router/dev)"
}
