// Package e2e holds the tests with real servers and a real browser: Daphne, Gunicorn, nginx, Chromium. They run with USHER_E2E=1,
// and are skipped otherwise. With USHER_E2E=1 a missing tool is a failure.
package e2e
