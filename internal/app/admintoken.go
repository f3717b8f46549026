package app

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tokenFile is the file in --dir that holds the token of a process's admin listener.
const tokenFile = "admin.token"

// openToken reads the token in dir, or makes one, which stays over restarts. One that others may read is replaced.
func openToken(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 == 0 {
		token, err := readToken(path)
		if token != "" || err != nil {
			return token, err
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return makeToken(path)
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

// makeToken writes a token, whole, and for its owner's eyes from the beginning.
func makeToken(path string) (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	file, err := os.CreateTemp(filepath.Dir(path), tokenFile+".*") // of mode 0600
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

// signed is what makes a link good: who may not use the token can't make one.
func signed(token, what string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(what))
	return hex.EncodeToString(mac.Sum(nil))
}

// adminFlag says where a process's admin listener is.
type adminFlag struct {
	Admin string `help:"The admin listener of a running process: vitrine up, or a role." default:"127.0.0.1:8081" placeholder:"ADDR"`
}

// tokenFlags say what a process wants of who asks it for what costs or changes something.
type tokenFlags struct {
	Token string `help:"Token of that process; without it, admin.token in --dir is read." placeholder:"TOKEN"`
	Dir   string `help:"The --dir of that process." default:"./vitrine-data"`
}

// token is what is given, or what stands in the file.
func (f tokenFlags) token() (string, error) {
	if f.Token != "" {
		return f.Token, nil
	}
	path := filepath.Join(f.Dir, tokenFile)
	token, err := readToken(path)
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("this needs the token of the process that is asked, which it keeps in %s: %w\n"+
			"give its --dir, or the token itself by --token or VITRINE_TOKEN", path, err)
	}
	return token, nil
}
