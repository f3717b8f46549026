package node

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TokenFile is the file in --dir that holds the token of a process's admin listener.
const TokenFile = "admin.token"

// OpenToken reads the token in dir, or creates one, which is kept over restarts. A token that other users can read is
// replaced.
func OpenToken(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 == 0 {
		token, err := ReadToken(path)
		if token != "" || err != nil {
			return token, err
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return makeToken(path)
}

// ReadToken reads the token from a file.
func ReadToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

// makeToken writes a new token, readable by its owner only from the beginning.
func makeToken(path string) (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	file, err := os.CreateTemp(filepath.Dir(path), TokenFile+".*") // of mode 0600
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(token + "\n")
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return token, nil
}

// signed is the signature of a link. Only who has the token can make it.
func signed(token, what string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(what))
	return hex.EncodeToString(mac.Sum(nil))
}
