package detail

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	writeTimeout = 30 * time.Second
	idleTimeout  = 75 * time.Second
)

// NewHTTPServer is an http.Server with every bound set, since http.Server has none of its own: for the
// public listener, where a visitor may be slow on purpose.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
