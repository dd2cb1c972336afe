# Web frameworks that version their static files. Packages of Debian bookworm: hugo, jekyll, ruby-sprockets, python3-django,
# python3-whitenoise, python3-django-compressor, python3-webassets, ruby-activesupport, elixir, php-cli. The other tools run from
# a clone of their source in $SOURCES, at the commit in the table of README.md.

# sources <directory>: writes the source files of a server.
sources() {
	mkdir -p "$temporary/$1/source/js" "$temporary/$1/source/css"
	cd "$temporary/$1"
	cp "$here/site/public/"* source
	cp "$here"/site/*.js source/js
	cp "$here"/site/style.css "$here"/site/*.svg "$here"/site/*.woff2 source/css
}

# collect <tree> <storage>: Django's collectstatic.
collect() {
	sources "$1"
	cat >collect.py <<-'CONFIG'
		import sys
		import django
		from django.conf import settings
		from django.core.management import call_command
		storage = sys.argv[1]
		settings.configure(INSTALLED_APPS=['django.contrib.staticfiles'], STATIC_URL='/static/', STATIC_ROOT='out',
		                   STATICFILES_DIRS=['source'], STATICFILES_STORAGE=storage, USE_TZ=True,
		                   STORAGES={'staticfiles': {'BACKEND': storage}})
		django.setup()
		call_command('collectstatic', interactive=False, verbosity=0)
	CONFIG
	${PYTHON:-python3} collect.py "$2"
	keep out "$1"
}

django() {
	collect "django-$(${PYTHON:-python3} -c 'import django; print(django.get_version())')" django.contrib.staticfiles.storage.ManifestStaticFilesStorage
}

whitenoise() {
	collect "whitenoise-$(${PYTHON:-python3} -c 'from importlib.metadata import version; print(version("whitenoise"))')" whitenoise.storage.CompressedManifestStaticFilesStorage
}

compressor() {
	sources compressor
	mkdir templates
	cat >templates/page.html <<-'PAGE'
		{% load compress %}{% compress css %}<link rel="stylesheet" href="/static/css/style.css">{% endcompress %}
		{% compress js %}<script src="/static/js/shared.js"></script><script src="/static/js/worker.js"></script>{% endcompress %}
	PAGE
	cat >compress.py <<-'CONFIG'
		import django
		from django.conf import settings
		from django.core.management import call_command
		settings.configure(INSTALLED_APPS=['django.contrib.staticfiles', 'compressor'], STATIC_URL='/static/', STATIC_ROOT='out',
		                   STATICFILES_DIRS=['source'], COMPRESS_ENABLED=True, COMPRESS_OFFLINE=True, USE_TZ=True,
		                   STATICFILES_FINDERS=['django.contrib.staticfiles.finders.FileSystemFinder', 'compressor.finders.CompressorFinder'],
		                   TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'DIRS': ['templates'], 'APP_DIRS': True}])
		django.setup()
		call_command('collectstatic', interactive=False, verbosity=0)
		call_command('compress', verbosity=0)
	CONFIG
	${PYTHON:-python3} compress.py
	keep out "django-compressor-$(${PYTHON:-python3} -c 'from importlib.metadata import version; print(version("django_compressor"))')"
}

webassets() {
	sources webassets
	cat >build.py <<-'CONFIG'
		import webassets
		for manifest, directory in (('json:', 'named'), ('json:', 'query')):
		    environment = webassets.Environment('source', '/static', manifest=manifest, cache=False, debug=False)
		    output = '%s/all.%%(version)s.js' % directory if directory == 'named' else '%s/all.js' % directory
		    environment.register('all', 'js/shared.js', 'js/worker.js', output=output)
		    print(environment['all'].urls())
	CONFIG
	${PYTHON:-python3} build.py >&2
	keep source "webassets-$(${PYTHON:-python3} -c 'from importlib.metadata import version; print(version("webassets"))')"
}

hugo() {
	sources hugo
	mkdir -p assets layouts content
	mv source static
	mv static/js static/css assets
	cat >layouts/index.html <<-'PAGE'
		{{ range slice "md5" "sha256" "sha384" "sha512" }}{{ $style := resources.Get "css/style.css" | resources.Copy (printf "%s/style.css" .) | resources.Fingerprint . }}{{ $style.RelPermalink }}
		{{ end }}{{ $script := resources.Get "js/main.js" | js.Build (dict "minify" true "loaders" (dict ".svg" "dataurl" ".woff2" "dataurl" ".css" "empty")) | resources.Fingerprint }}{{ $script.RelPermalink }}
	PAGE
	sed -i 's/{{ $script := .*//; $a {{ $script := resources.Get "js/shared.js" | js.Build | resources.Fingerprint }}{{ $script.RelPermalink }}' layouts/index.html
	echo 'baseURL = "/"' >config.toml
	command hugo --quiet --disableKinds=taxonomy,term,RSS,sitemap,404 --destination out
	keep out "hugo-$(command hugo version | sed 's/.* v\([0-9.]*\).*/\1/')"
}

jekyll() {
	sources jekyll
	printf -- '---\n---\n<script src="/js/main.js?{{ site.time | date: "%%s" }}"></script>\n' >source/index.html
	command jekyll build --quiet --source source --destination out
	keep out "jekyll-$(command jekyll --version | sed 's/.* //')"
}

sprockets() {
	for version in debian "$(git -C "$SOURCES/sprockets" show HEAD:lib/sprockets/version.rb | sed -n 's/.*"\(.*\)".*/\1/p')"; do
		sources "sprockets-$version"
		load=
		if [ "$version" != debian ]; then
			git -C "$SOURCES/sprockets" archive HEAD lib | tar -x
			load=-Ilib
		fi
		ruby $load -rlogger -e '
			require "sprockets"
			environment = Sprockets::Environment.new(".")
			environment.version = "1.0"
			%w[source/js source/css source].each { |path| environment.append_path(path) }
			environment.css_compressor = environment.js_compressor = nil
			names = %w[shared.js lazy.js worker.js main.js style.css logo.svg font.woff2] + Dir.children("source").reject { |f| File.directory?("source/" + f) }
			Sprockets::Manifest.new(environment, "out").compile(*names)
			puts Sprockets::VERSION' >version
		cp source/*.* out
		keep out "sprockets-$(cat version)"
	done
}

propshaft() {
	sources propshaft
	git -C "$SOURCES/propshaft" archive HEAD lib | tar -x
	ruby -Ilib -rlogger -rfileutils -e '
		require "active_support/all"
		require "action_dispatch"
		require "propshaft"
		require "propshaft/version"
		require "propshaft/assembly"
		root = Pathname.pwd
		config = ActiveSupport::OrderedOptions.new
		config.paths = config.app_paths = [root.join("source")]
		config.version, config.prefix, config.output_path = "1", "/assets", root.join("out")
		config.manifest_path, config.integrity_hash_algorithm = root.join("out/.manifest.json"), "sha384"
		config.compilers = [["text/css", Propshaft::Compiler::CssAssetUrls]]
		Propshaft.logger = Logger.new(nil)
		Propshaft::Assembly.new(config).processor.process
		puts Propshaft::VERSION' >version
	cp source/*.* out
	keep out "propshaft-$(cat version)"
}

phoenix() {
	sources phoenix
	git -C "$SOURCES/phoenix" archive HEAD lib/phoenix/digester.ex lib/phoenix/digester mix.exs | tar -x
	cat >digest.exs <<-'CODE'
		defmodule Phoenix do
		  def json_library, do: Phoenix.JSON
		end
		defmodule Phoenix.JSON do
		  def decode!(text), do: text
		  def encode!(map) when is_map(map), do: "{" <> Enum.map_join(Enum.sort(map), ",", fn {k, v} -> encode!(to_string(k)) <> ":" <> encode!(v) end) <> "}"
		  def encode!(other), do: inspect(other, limit: :infinity, printable_limit: :infinity)
		end
		Application.put_env(:phoenix, :static_compressors, [])
		Code.require_file("lib/phoenix/digester/compressor.ex")
		Code.require_file("lib/phoenix/digester.ex")
		:ok = Phoenix.Digester.compile("source", "out", true)
	CODE
	elixir digest.exs >&2
	keep out "phoenix-$(sed -n 's/.*@version "\(.*\)".*/\1/p' mix.exs)"
}

plain() {
	sources plain
	git -C "$SOURCES/plain" archive HEAD plain-assets/plain/assets plain-assets/pyproject.toml | tar -x
	mkdir -p plain out source/dist
	mv plain-assets/plain/assets plain/assets
	cp "$here"/vite-8.3.8/assets/* source/dist
	# compile_assets needs only these names of Plain.
	echo 'import pathlib; PLAIN_TEMP_PATH = pathlib.Path(".")' >plain/runtime.py
	: >plain/assets/__init__.py
	cat >build.py <<-'CODE'
		import importlib.util, os, sys, types
		finders = types.ModuleType('plain.assets.finders')
		class Asset:
		    def __init__(self, path):
		        self.url_path, self.absolute_path = os.path.relpath(path, 'source'), path
		finders.Asset = Asset
		finders._iter_assets = lambda: [Asset(os.path.join(d, f)) for d, _, names in sorted(os.walk('source')) for f in sorted(names)]
		finders.is_build_output = lambda url_path: url_path.startswith('dist/')
		sys.modules['plain.assets.finders'] = finders
		from plain.assets.compile import compile_assets
		os.mkdir('assets')
		list(compile_assets(target_dir='out', keep_original=True, fingerprint=True, compress=False))
	CODE
	${PYTHON:-python3} build.py
	cp assets/manifest.json out
	keep out "plain-$(git -C "$SOURCES/plain" show HEAD:plain-assets/pyproject.toml | sed -n 's/^version = "\(.*\)"/\1/p')"
}

assetmapper() {
	sources assetmapper
	git -C "$SOURCES/symfony" archive HEAD src/Symfony/Component/AssetMapper src/Symfony/Component/Filesystem src/Symfony/Component/Finder src/Symfony/Component/HttpKernel/Kernel.php | tar -x
	cat >compile.php <<-'CODE'
		<?php
		spl_autoload_register(function (string $class) {
			$own = __DIR__.'/src/'.strtr($class, '\\', '/').'.php';
			is_file($own) ? require $own : null;
		});
		use Symfony\Component\AssetMapper as M;
		$compiler = new M\AssetMapperCompiler([new M\Compiler\CssAssetUrlCompiler()], function () use (&$mapper) { return $mapper; });
		$factory = new M\Factory\MappedAssetFactory(new M\Path\PublicAssetsPathResolver(), $compiler, __DIR__.'/vendor');
		$mapper = new M\AssetMapper(new M\AssetMapperRepository(['source' => ''], __DIR__), $factory, $config = new M\CompiledAssetMapperConfigReader(__DIR__.'/out/assets'));
		$files = new Symfony\Component\Filesystem\Filesystem();
		foreach ($mapper->allAssets() as $asset) {
			$files->dumpFile('out'.$asset->publicPath, $asset->content ?? file_get_contents($asset->sourcePath));
			$manifest[$asset->logicalPath] = $asset->publicPath;
		}
		ksort($manifest);
		$config->saveConfig('manifest.json', $manifest);
	CODE
	php compile.php
	cp source/*.* out
	keep out "asset-mapper-$(sed -n "s/.* VERSION = '\(.*\)';/\1/p" src/Symfony/Component/HttpKernel/Kernel.php)"
}
