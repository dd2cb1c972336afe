# webpack, tools that use it, and its replacements.

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
		# The tracker writes the directory of the build.
		node -e "const f='$variant/webpack-stats.json',s=JSON.parse(fs.readFileSync(f));for(const a of Object.values(s.assets))delete a.path;fs.writeFileSync(f,JSON.stringify(s))"
	done
	keep webpack webpack-5.112.2
	keep map webpack-5.112.2-source-map
	keep xxhash64 webpack-5.112.2-xxhash64
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
	# The chunks of React and of polyfills are large, and their names have the same form as the others.
	find out -size +24k -delete
	keep out "next-$(installed next)"
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

cra() {
	begin react-scripts@5.0.1 react@18 react-dom@18
	echo '{"private":true,"dependencies":{"react":"18"}}' >package.json
	mkdir src
	mv ./*.css ./*.svg ./*.woff2 shared.js lazy.js worker.js src
	mv main.js src/index.js
	mv index.html public
	CI=true IMAGE_INLINE_SIZE_LIMIT=0 npx react-scripts build >&2
	# The maps are large, since they contain React.
	find build -size +20k -delete
	keep build "cra-$(installed react-scripts)"
}

encore() {
	begin @symfony/webpack-encore@6.0.0 webpack@5 webpack-cli@6 css-loader@7
	echo '{"private":true}' >package.json
	cat >webpack.config.js <<-'CONFIG'
		const Encore = require('@symfony/webpack-encore')
		Encore.configureRuntimeEnvironment('production').setOutputPath('out/build').setPublicPath('/build').addEntry('main', './main.js')
			.enableSingleRuntimeChunk().enableVersioning().configureImageRule({ type: 'asset/resource' })
		module.exports = Encore.getWebpackConfig()
	CONFIG
	npx encore production >&2
	cp public/* out
	keep out "encore-$(installed @symfony/webpack-encore)"
}

vuecli() {
	begin @vue/cli-service@5.0.9 vue@3
	echo '{"private":true,"browserslist":["last 1 chrome version"]}' >package.json
	mkdir src
	mv ./*.css ./*.svg ./*.woff2 shared.js lazy.js worker.js src
	mv main.js src/main.js
	mv index.html public
	npx vue-cli-service build >&2
	find dist -size +20k -delete
	keep dist "vue-cli-$(installed @vue/cli-service)"
}

gatsby() {
	begin --ignore-scripts gatsby@5.16.1 react@18 react-dom@18 # the scripts of sharp need the network
	npm pkg delete type
	mkdir -p src/pages static
	mv public/* static && rmdir public
	mv main.js style.css logo.svg font.woff2 shared.js lazy.js worker.js src
	cat >src/pages/index.js <<-'PAGE'
		import React, { useEffect } from 'react'
		export default function Page() {
			useEffect(() => { import('../main.js') }, [])
			return <div id="orders" />
		}
	PAGE
	GATSBY_TELEMETRY_DISABLED=1 npx gatsby build >&2
	rm -r public/~partytown
	find public -size +20k -delete
	keep public "gatsby-$(installed gatsby)"
}

# These hashes depend on the sources of a build or of a chunk, not on the output.
chunkhash() {
	begin webpack@5.112.2 webpack-manifest-plugin@6.0.1
	cat >build.mjs <<-'CONFIG'
		import webpack from 'webpack'
		import { WebpackManifestPlugin } from 'webpack-manifest-plugin'
		for (const hash of ['fullhash', 'chunkhash', 'contenthash']) webpack({
			mode: 'production', entry: { main: './shared.js', late: './lazy.js' },
			optimization: { realContentHash: false },
			output: { path: process.cwd() + '/out/' + hash, filename: `[name].[${hash}].js`, library: { type: 'var', name: 'page' } },
			module: { rules: [{ test: /\.woff2$/, type: 'asset/inline' }] },
			plugins: [new webpack.BannerPlugin({ banner: 'after ' + hash, stage: webpack.Compilation.PROCESS_ASSETS_STAGE_REPORT }), ...(hash === 'chunkhash' ? [] : [new WebpackManifestPlugin({ publicPath: '' })])],
		}, (error, stats) => { if (error || stats.hasErrors()) { console.error(error || stats.toString()); process.exit(1) } })
	CONFIG
	node build.mjs
	cp public/* out
	keep out webpack-5.112.2-chunkhash
}

rspack() {
	begin @rspack/core@2.3.3 rspack-manifest-plugin
	cat >build.mjs <<-'CONFIG'
		import { rspack } from '@rspack/core'
		import { RspackManifestPlugin } from 'rspack-manifest-plugin'
		rspack({
			mode: 'production', entry: './main.js',
			output: {
				path: process.cwd() + '/out', publicPath: '/static/', filename: '[name].[contenthash].js',
				chunkFilename: 'js/[id].[contenthash:8].chunk.js', cssFilename: 'css/[name].[contenthash].css', assetModuleFilename: 'media/[name].[hash][ext]',
			},
			module: { rules: [{ test: /\.css$/, type: 'css' }, { test: /\.(svg|woff2)$/, type: 'asset/resource' }] },
			plugins: [new RspackManifestPlugin()],
		}, (error, stats) => { if (error || stats.hasErrors()) { console.error(error || stats.toString()); process.exit(1) } })
	CONFIG
	node build.mjs
	cp public/* out
	keep out "rspack-$(installed @rspack/core)"
}

rsbuild() {
	begin @rsbuild/core@2.3.2
	cat >rsbuild.config.mjs <<-'CONFIG'
		export default { source: { entry: { index: './main.js' } }, output: { manifest: true, dataUriLimit: 0 } }
	CONFIG
	npx rsbuild build >&2
	keep dist "rsbuild-$(installed @rsbuild/core)"
}

docusaurus() {
	begin @docusaurus/core@3.10.2 @docusaurus/preset-classic@3.10.2 react@19 react-dom@19
	npm pkg delete type
	mkdir -p static src/pages
	mv public/* static && rmdir public
	mv ./*.css ./*.svg ./*.woff2 ./*.js src
	cat >docusaurus.config.js <<-'CONFIG'
		module.exports = { title: 'orders', url: 'https://example.com', baseUrl: '/', presets: [['classic', { docs: false, blog: false, theme: { customCss: './src/style.css' } }]] }
	CONFIG
	echo "![the logo](../logo.svg)" >src/pages/index.md
	cp src/logo.svg src/pages
	sed -i 's/\.\.\/logo/.\/logo/' src/pages/index.md
	npx docusaurus build >&2
	rm build/*.html build/sitemap.xml
	find build -size +20k -delete
	keep build "docusaurus-$(installed @docusaurus/core)"
}
