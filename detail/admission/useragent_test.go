package admission_test

import (
	"os/exec"
	"strings"
	"testing"

	"vitrine/detail/admission"
)

// agents says of each User-Agent whether it is a crawler's.
var agents = map[string]bool{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": true,
	"Googlebot-Image/1.0":                      true,
	"Mozilla/5.0 (compatible; bingbot/2.0)":    true,
	"Mozilla/5.0 (compatible; MJ12bot/v1.4.8)": true,
	"Mozilla/5.0 (compatible; AhrefsBot/7.0)":  true,
	"SemrushBot": true,
	"Mozilla/5.0 (compatible; Baiduspider/2.0)":       true,
	"Mozilla/5.0 (compatible; Yahoo! Slurp)":          true,
	"some crawler":                                    true,
	"Scrapy/2.11":                                     true,
	"Robots of example.com":                           true,
	"Mozilla/5.0 (Linux; Android 9; CUBOT_X19)":       false,
	"Mozilla/5.0 (Linux; Android 11; Cubot Note 20)":  false,
	"Mozilla/5.0 (X11; Linux) Robotics/3.1":           false,
	"Mozilla/5.0 Bottle/1.2":                          false,
	"Mozilla/5.0 (Macintosh; Intel Mac OS X) Abbot/1": false,
	"Spiderman Browser/1.0":                           false,
	"app_cubot/1":                                     false,
	"Xcubot/1":                                        true,
	"Skyscraperbrowser/1.0":                           false,
	"":                                                false,
	"Mozilla/5.0 (Windows NT 10.0) Firefox/130.0":     false,
}

func TestIsCrawler(t *testing.T) {
	for agent, want := range agents {
		if got := admission.IsCrawler(agent); got != want {
			t.Errorf("IsCrawler(%q) = %t, want %t", agent, got, want)
		}
	}
}

// TestCrawlerPattern proves that the pattern for nginx matches what IsCrawler is true for, by a grep that has PCRE as nginx has.
func TestCrawlerPattern(t *testing.T) {
	pattern := admission.CrawlerPattern()
	for agent, want := range agents {
		grep := exec.CommandContext(t.Context(), "grep", "-qiP", "-e", pattern)
		grep.Stdin = strings.NewReader(agent + "\n")
		if got := grep.Run() == nil; got != want {
			t.Errorf("the pattern for nginx matches %q: %t, want %t", agent, got, want)
		}
	}
}
