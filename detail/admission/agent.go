package admission

import (
	"slices"
	"strings"
)

// CrawlerPattern matches the User-Agents for which IsCrawler is true: a regular expression of nginx (PCRE), to be matched
// without regard to case.
const CrawlerPattern = `(?<!\bcu)(?<!\bab)bots?(?![a-z])|(crawl|crawlers?|spiders?|slurp|scrapers?|scrapy)(?![a-z])`

// crawlerSuffixes end the names that crawlers give themselves: Googlebot, bingbot, Baiduspider.
var crawlerSuffixes = []string{"bot", "bots", "crawl", "crawler", "crawlers", "spider", "spiders", "slurp", "scraper", "scrapers", "scrapy"}

// otherNames end like a crawler's and are none: a maker of telephones, a surname.
var otherNames = []string{"cubot", "cubots", "abbot", "abbots"}

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
