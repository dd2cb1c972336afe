// Package e2e holds the tests with real servers and a real browser: Daphne, Gunicorn, nginx, Chromium. They run under
// USHER_E2E=1, where a missing tool is a failure; without it they are skipped.
package e2e
