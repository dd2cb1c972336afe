package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// login logs a user in and waits until the page's sockets are open.
func login(t *testing.T, ctx context.Context, url, user string) {
	t.Helper()
	err := chromedp.Do(ctx,
		chromedp.Navigate(url+"/login/"),
		chromedp.SendKeys("#id_username", user),
		chromedp.SendKeys("#id_password", "e2e-password"),
		chromedp.Click("#login"),
		chromedp.WaitVisible("#logout"),
	)
	if err != nil {
		t.Fatalf("logging %s in: %v", user, err)
	}
	waitForText(t, ctx, "me", "open")
	waitForText(t, ctx, "mine", "open")
}

func waitForText(t *testing.T, ctx context.Context, id, want string) {
	t.Helper()
	waitFor(t, "#"+id+" shows "+want, func() bool { return textOf(t, ctx, id) == want })
}

// Two browsers, three tabs, real Django and Channels: a logout in one tab closes the sockets of that browser's session in every
// tab, and no other's. A ban closes the user's sockets by name.
func TestLogoutClosesTheSocketsOfTheSession(t *testing.T) {
	need(t, "gunicorn", "chromium")
	d := startDjango(t)
	for _, user := range []string{"anna", "ben"} {
		d.manage(t, "shell", "-c", "from django.contrib.auth.models import User; User.objects.create_user('"+user+"', password='e2e-password', is_staff=True)")
	}
	u := startUsher(t, d, testsite.FreePort(t))
	first, other := browser(t), browser(t)
	login(t, first, u.url, "anna")
	second, closeTab := chromedp.NewContext(first)
	t.Cleanup(closeTab)
	if err := chromedp.Do(second, chromedp.Navigate(u.url+"/me/"), chromedp.WaitVisible("#logout")); err != nil {
		t.Fatal(err)
	}
	waitForText(t, second, "me", "open")
	login(t, other, u.url, "ben")
	if err := chromedp.Do(first, chromedp.Click("#logout"), chromedp.WaitVisible("#login")); err != nil {
		t.Fatal(err)
	}
	waitForText(t, second, "me", "session ended")
	if got := textOf(t, other, "me"); got != "open" {
		t.Errorf("the other browser's socket: %s, want open", got)
	}
	const ban = `fetch("/ban/1/", {method: "POST", headers: {"X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value}}); "sent"`
	if _, err := chromedp.Run(other, chromedp.Evaluate[string](ban)); err != nil {
		t.Fatal(err)
	}
	waitForText(t, second, "mine", "banned")
	if got := textOf(t, other, "mine"); got != "open" {
		t.Errorf("the socket of another user: %s, want open", got)
	}
}
