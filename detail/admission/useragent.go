package admission

import (
	"slices"
	"strings"
)

// crawlerSuffixes end the names that crawlers give themselves: Googlebot, bingbot, Baiduspider.
var crawlerSuffixes = []string{"bot", "bots", "crawl", "crawler", "crawlers", "spider", "spiders", "slurp", "scraper", "scrapers", "scrapy"}

// otherNames end like a crawler's and are none: a maker of telephones, a surname.
var otherNames = []string{"cubot", "cubots", "abbot", "abbots"}

// CrawlerPattern returns a regular expression of nginx (PCRE) for the User-Agents for which IsCrawler is true, to be matched without regard
// to case.
func CrawlerPattern() string {
	var names []string
	for _, suffix := range crawlerSuffixes {
		others := ""
		for _, name := range otherNames {
			if begin, ok := strings.CutSuffix(name, suffix); ok {
				others += "(?<!(?<![a-z])" + begin + ")"
			}
		}
		names = append(names, others+suffix)
	}
	return "(?:" + strings.Join(names, "|") + ")(?![a-z])"
}

// IsCrawler reports whether a User-Agent has a word that ends as the names of crawlers do. "bot" inside a word, as in
// "robotics", is no such end.
func IsCrawler(agent string) bool {
	for len(agent) > 0 {
		end := 0
		for end < len(agent) && isLetter(agent[end]) {
			end++
		}
		if isCrawlerName(agent[:end]) {
			return true
		}
		agent = agent[min(end+1, len(agent)):]
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isCrawlerName(word string) bool {
	for _, suffix := range crawlerSuffixes {
		if len(word) >= len(suffix) && strings.EqualFold(word[len(word)-len(suffix):], suffix) {
			same := func(name string) bool { return strings.EqualFold(word, name) }
			return !slices.ContainsFunc(otherNames, same)
		}
	}
	return false
}
