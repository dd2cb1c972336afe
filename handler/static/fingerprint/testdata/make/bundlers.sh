# Bundlers other than webpack and Vite.

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

bun() {
	begin bun@1.4.5
	npx bun build ./main.js ./worker.js --outdir out --splitting --minify --entry-naming='[dir]/[name]-[hash].[ext]' --metafile=out/meta.json >&2
	cp public/* out
	keep out "bun-$(installed bun)"
}

angular() {
	begin --legacy-peer-deps @angular/cli@20 @angular/build@20 @angular/core@20 @angular/common@20 @angular/compiler@20 \
		@angular/compiler-cli@20 @angular/platform-browser@20 rxjs@7 tslib@2 typescript@5.9
	mkdir src
	mv style.css logo.svg font.woff2 main.js shared.js lazy.js worker.js src
	mv index.html src
	sed -i '/import logo/d; s/= logo/= "x"/' src/main.js
	sed -i '/import font/d; s/ + font//' src/lazy.js
	cat >angular.json <<-'CONFIG'
		{"version":1,"cli":{"analytics":false},"projects":{"orders":{"projectType":"application","root":"","sourceRoot":"src","architect":{"build":{
		"builder":"@angular/build:application","options":{"browser":"src/start.ts","index":"src/index.html","tsConfig":"tsconfig.json","assets":[{"glob":"**/*","input":"public"}],
		"styles":["src/style.css"],"outputHashing":"all","loader":{".svg":"file",".woff2":"file"},"statsJson":true,"optimization":{"scripts":true,"styles":{"minify":true,"inlineCritical":false},"fonts":false}}}}}}}
	CONFIG
	echo '{"compilerOptions":{"target":"ES2022","module":"ES2022","moduleResolution":"bundler","allowJs":true,"experimentalDecorators":true},"files":["src/start.ts"]}' >tsconfig.json
	echo '<!doctype html><title>orders</title><base href="/"><div id="orders"></div>' >src/index.html
	cat >src/start.ts <<-'CODE'
		import './main.js'
		const late = () => import('./lazy.js')
		document.body.ondblclick = () => late()
	CODE
	NG_CLI_ANALYTICS=false npx ng build >&2
	cp dist/orders/stats.json dist/orders/browser
	keep dist/orders/browser "angular-$(installed @angular/build)"
}

# Images are not built: eleventy-img names depend on the source and the options, and its outputs are large.
eleventy() {
	begin @11ty/eleventy@3.1.8
	mkdir -p src/js src/css
	cp ./*.js src/js
	cp style.css src/css
	cat >eleventy.config.js <<-'CONFIG'
		export default (config) => {
			config.addBundle('css', { toFileDirectory: 'bundle' })
			config.addBundle('js', { toFileDirectory: 'bundle' })
			config.addPassthroughCopy({ public: '.' })
			config.addPassthroughCopy('src/js')
			return { dir: { input: 'src', output: 'out' } }
		}
	CONFIG
	cat >src/index.njk <<-'PAGE'
		{% css %}body { color: black }{% endcss %}{% js %}document.title = 'orders'{% endjs %}
		<link rel="stylesheet" href="{% getBundleFileUrl 'css' %}"><script src="{% getBundleFileUrl 'js' %}"></script>
	PAGE
	npx eleventy --quiet >&2
	keep out "eleventy-$(installed @11ty/eleventy)"
}

gulprev() {
	begin gulp-rev@12.0.0 gulp@5
	cat >rev.mjs <<-'CODE'
		import gulp from 'gulp'
		import rev from 'gulp-rev'
		gulp.src(['*.css', '*.svg', '*.woff2', 'shared.js'], { encoding: false }).pipe(rev()).pipe(gulp.dest('out')).pipe(rev.manifest()).pipe(gulp.dest('out'))
	CODE
	node rev.mjs
	cp public/* out
	keep out "gulp-rev-$(installed gulp-rev)"
}
