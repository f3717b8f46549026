package redact_test

import (
	"strings"
	"testing"

	"vitrine/internal/redact"
)

func TestText(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"no URL, and a@b", "no URL, and a@b"},
		{"redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"},
		{"redis://:canary@127.0.0.1:6379", "redis://:***@127.0.0.1:6379"},
		{"rediss://app:canary@h1:6379,h2:6379/0", "rediss://app:***@h1:6379,h2:6379/0"},
		{"redis+sentinel://:canary@h1:26379,h2:26379/MASTER/0", "redis+sentinel://:***@h1:26379,h2:26379/MASTER/0"},
		{"redis+sentinel://app:canary@h1,h2/MASTER?sentinel_user=guest&sentinel_password=canary", "redis+sentinel://app:***@h1,h2/MASTER?sentinel_user=guest&sentinel_password=***"},
		{"nats://worker:canary@h1:4222,nats://worker:canary@h2:4222", "nats://worker:***@h1:4222,nats://worker:***@h2:4222"},
		{"nats://canary@h1:4222", "nats://***@h1:4222"},
		{"https://canary:@h/x", "https://***@h/x"},
		{"nats://u:cana@ry@h1:4222", "nats://u:***@h1:4222"},
		{"redis://:can/ary@h1:6379", "redis://:***@h1:6379"},
		{"redis://:can#ary@h1:6379", "redis://:***@h1:6379"},
		{`connect to "nats://u:canary@h:4222": refused, see https://docs/x@y`, `connect to "nats://u:***@h:4222": refused, see https://docs/x@y`},
		{"https://img/logo@2x.png", "https://img/logo@2x.png"},
		{"https://img:443/logo@2x.png", "https://img:443/logo@2x.png"},
		{"postgres://h/db?sslmode=off&password=canary&x=1", "postgres://h/db?sslmode=off&password=***&x=1"},
	}
	for _, c := range tests {
		got := redact.Text(c.text)
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
		if strings.Contains(got, "canary") {
			t.Errorf("%q shows the password: %q", c.text, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("redis://", "@h:1")
	f.Add("see nats://user", "@h1,nats://h2")
	f.Fuzz(func(t *testing.T, before, after string) {
		redact.Text(before + "://" + after)
	})
}
