package detail

import "strings"

// CrawlerPattern is saysCrawler as a regular expression of nginx (PCRE), to be matched without regard to case.
const CrawlerPattern = `(?<!\bcu)(?<!\bab)bots?(?![a-z])|(crawl|crawlers?|spiders?|slurp|scrapers?|scrapy)(?![a-z])`

// crawlerWords end the names that crawlers give themselves: Googlebot, bingbot, Baiduspider.
var crawlerWords = []string{"bot", "bots", "crawl", "crawler", "crawlers", "spider", "spiders", "slurp", "scraper", "scrapers", "scrapy"}

// noCrawlers are words that end so and are none: a maker of telephones, a name.
var noCrawlers = []string{"cubot", "cubots", "abbot", "abbots"}

// saysCrawler reports whether a User-Agent has a word that ends as crawlers' names do. "bot" within a word, as in
// robotics, says nothing.
func saysCrawler(agent string) bool {
	for len(agent) > 0 {
		end := 0
		for end < len(agent) && isLetter(agent[end]) {
			end++
		}
		if isCrawlerWord(agent[:end]) {
			return true
		}
		agent = agent[min(end+1, len(agent)):]
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isCrawlerWord(word string) bool {
	for _, w := range crawlerWords {
		if len(word) >= len(w) && strings.EqualFold(word[len(word)-len(w):], w) {
			return !oneOfWords(word, noCrawlers)
		}
	}
	return false
}

func oneOfWords(word string, words []string) bool {
	for _, w := range words {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}
