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

// NewHTTPServer makes an http.Server for the public listener, where visitors may be slow on purpose. All its limits are set:
// http.Server has none by default.
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
