package templates

import (
	"embed"
	"io/fs"
)

//go:embed theme/*.html theme/words.json theme/assets/*
var theme embed.FS

// Theme returns the files of the built-in theme, for Load.
func Theme() (fs.FS, error) { return fs.Sub(theme, "theme") }
