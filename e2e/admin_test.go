package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// adminSite is a Django project that is the admin alone.
var adminSite = map[string]string{
	"settings.py": `
import os
BASE = os.path.dirname(os.path.abspath(__file__))
SECRET_KEY = "of no use"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib." + app for app in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
]
CONTEXT = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
           "django.contrib.messages.context_processors.messages"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": CONTEXT}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(BASE, "database")}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(BASE, "static")
STATICFILES_DIRS = [os.path.join(BASE, "sources")]
`,
	"urls.py": `
from django.contrib import admin
from django.urls import path
urlpatterns = [path("", admin.site.urls)]
`,
	"wsgi.py": `
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
`,
}

// stampedStyles matches the stylesheet of each page with its version.
var stampedStyles = regexp.MustCompile(`/static/admin/css/base\.css\?v=[0-9a-f]+`)

// Each page of the admin loads each file once and without an error, with copies and with links as static files, and its release
// after a deploy.
func TestDjangoAdmin(t *testing.T) {
	need(t, "gunicorn", "chromium")
	for _, c := range []struct {
		name, option string
		collect      []string
	}{
		{"collectstatic", "", []string{"--noinput"}},
		{"collectstatic --link", "symlinks follow", []string{"--noinput", "--link"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, port := t.TempDir(), testsite.FreePort(t)
			env := []string{
				"DJANGO_SETTINGS_MODULE=settings", "PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1",
				"DJANGO_SUPERUSER_PASSWORD=e2e-password", "DJANGO_SUPERUSER_USERNAME=anna", "DJANGO_SUPERUSER_EMAIL=anna@example.com",
			}
			django := func(args ...string) string {
				t.Helper()
				command := exec.Command(python, args...)
				command.Dir, command.Env = dir, append(os.Environ(), env...)
				out, err := command.Output()
				if err != nil {
					t.Fatalf("%s: %v", args, err)
				}
				return strings.TrimSpace(string(out))
			}
			writeFiles(t, dir, adminSite)
			admin := django("-c", "import django.contrib.admin as a; print(a.__path__[0] + '/static/admin')")
			deploy := func(release string) {
				t.Helper()
				for name, addition := range map[string]string{"js/core.js": "globalThis.release = %q;", "css/base.css": ":root { --release: %q }"} {
					content, err := os.ReadFile(filepath.Join(admin, name))
					if err != nil {
						t.Fatal(err)
					}
					writeFiles(t, filepath.Join(dir, "sources/admin"), map[string]string{name: string(content) + fmt.Sprintf("\n"+addition+"\n", release)})
				}
				django(append([]string{"-m", "django", "collectstatic", "--verbosity", "0"}, c.collect...)...)
			}
			deploy("1")
			django("-m", "django", "migrate", "--verbosity", "0")
			django("-m", "django", "createsuperuser", "--noinput", "--verbosity", "0")
			startProcess(t, dir, env, python, "-m", "gunicorn", "--bind", fmt.Sprintf("127.0.0.1:%d", port), "wsgi")
			waitForStatus(t, fmt.Sprintf("http://127.0.0.1:%d/", port), 200)
			url := startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html css js
		keep_directory %s
		%s
	}
	reverse_proxy 127.0.0.1:%d`, filepath.Join(dir, "static"), t.TempDir(), c.option, port)).url
			ctx := browser(t)
			seen := observe(t, ctx)
			seen.visit(t, url+"/login/?next=/")
			seen.expectOnce(t, "the login")
			if err := chromedp.Do(ctx, chromedp.SendKeys("#id_username", "anna"), chromedp.SendKeys("#id_password", "e2e-password"), chromedp.Submit("#login-form"),
				chromedp.WaitVisible("#user-tools")); err != nil {
				t.Fatal(err)
			}
			for _, release := range []string{"1", "2"} {
				if release == "2" {
					before := stampedStyles.FindString(page(t, url))
					deploy(release)
					waitFor(t, "the deploy is seen", func() bool { return stampedStyles.FindString(page(t, url)) != before })
				}
				for _, path := range []string{"/", "/auth/user/", "/auth/user/add/", "/auth/user/1/change/", "/auth/group/add/", "/password_change/"} {
					seen.visit(t, url+path)
					loaded := seen.expectOnce(t, "release "+release+", "+path)
					style := script[string](t, ctx, `return getComputedStyle(document.documentElement).getPropertyValue("--release")`)
					if style != fmt.Sprintf("%q", release) {
						t.Errorf("%s has the styles of release %s, want %q", path, style, release)
					}
					if path != "/auth/user/1/change/" {
						continue
					}
					if got := script[string](t, ctx, `return globalThis.release`); got != release {
						t.Errorf("%s runs core.js of release %s, want %s", path, got, release)
					}
					if !slices.Contains(loaded, "/static/admin/js/SelectFilter2.js") {
						t.Errorf("%s loads %s, want SelectFilter2.js too", path, loaded)
					}
					if chosen := script[int](t, ctx, `return document.querySelectorAll(".selector-chosen").length`); chosen != 2 {
						t.Errorf("%s: SelectFilter2.js makes %d selectors, want 2", path, chosen)
					}
				}
			}
		})
	}
}
