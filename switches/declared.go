package switches

// Names of the switches that are declared in code.
const (
	ReadLocal      = "read.local"
	ReadRedis      = "read.redis"
	ReadBolt       = "read.bolt"
	ReadRecords    = "read.records"
	ReadUpstream   = "read.upstream"
	BackToSource   = "back.to.source"
	CrawlerBudget  = "crawler.budget"
	Compression    = "compression"
	RouteLive      = "route.live"
	RouteBlobs     = "route.blobs"
	RouteRelations = "route.relations"
	Crawlers       = "crawlers"
	Automata       = "automaton"
	TTLFactor      = "ttl.factor"
	IntakeHigh     = "intake.high"
	IntakeNormal   = "intake.normal"
	IntakeRefresh  = "intake.refresh"
	SweepPace      = "sweep.pace"
	LogLevel       = "log.level"
)

// Declared returns the switches that every process has.
func Declared() []Declaration {
	on := func(name, does, shows string) Declaration {
		return Declaration{Name: name, Type: OnOff, Default: "on", Does: does, Shows: shows}
	}
	return []Declaration{
		on(ReadLocal, "off: pages are not read from memory", "nothing; pages cost more"),
		on(ReadRedis, "off: pages are not read from Redis", "pages from the server's own file, which may be older"),
		on(ReadBolt, "off: pages are not read from the server's own file", "nothing while Redis answers"),
		on(ReadRecords, "off: what no copy has is not folded from records", "pages that have no blob yet are missing"),
		on(ReadUpstream, "off: what no tier has is not asked of its upstreams", "pages that nobody copied yet are missing"),
		on(BackToSource, "off: only what is copied is served: no page is made of records or upstreams, no live part asks its upstream, and readers announce nothing", "pages that nobody copied yet are missing; delivery and the like as they were, or hidden"),
		on(RouteLive, "off: /live is answered with 503 before any work, by nginx where its agent runs", "what stood on the page, without updates"),
		on(RouteBlobs, "off: /blobs is answered with 503 before any work", "nothing; scripts of the shop's own fail"),
		on(RouteRelations, "off: /relations is answered with 503 before any work", "lists that a page loads are missing"),
		on(Crawlers, "off: whoever calls itself a crawler is answered with 503 before any work", "nothing"),
		on(Automata, "off: rules throw no switches, and what they have thrown is taken back", "nothing"),
		{Name: CrawlerBudget, Type: Percent, Default: "100", Does: "how many pages are made for crawlers, of 50 a second on each server; what is in memory they always get", Shows: "nothing; crawlers are told to come later"},
		{Name: Compression, Type: Choice, Default: "normal", Choices: []string{"normal", "fast", "off"}, Does: "how answers are compressed: fast is the quickest gzip, or a dictionary that the visitor has, off is not at all; pages that are ready stay as they are", Shows: "nothing; larger answers"},
		{Name: TTLFactor, Type: Percent, Default: "100", Does: "how long memory uses what it has without asking: 200 is twice as long", Shows: "older pages where it is more than 100"},
		on(IntakeHigh, "off: changes of the lane high wait in NATS", "edits arrive later"),
		on(IntakeNormal, "off: changes of the lane normal wait in NATS", "edits arrive later"),
		on(IntakeRefresh, "off: changes of the lane refresh wait in NATS", "nothing"),
		{Name: SweepPace, Type: Percent, Default: "100", Does: "how often sweeps and samples run: 50 is half as often, 0 is never", Shows: "nothing"},
		{Name: LogLevel, Type: Choice, Default: "start", Choices: []string{"start", "debug", "info", "warn", "error"}, Does: "least level that is logged; start is that of the command line", Shows: "nothing"},
	}
}

// Upstream declares the switch of an upstream of the catalog.
func Upstream(name string) Declaration {
	return Declaration{Name: "upstream." + name, Type: OnOff, Default: "on",
		Does:  "off: the upstream is not asked, by workers, pages or live parts; its changes are parked",
		Shows: "its parts as they were, or hidden"}
}

// Overlay declares the switch of an overlay of a page.
func Overlay(page, blob string) Declaration {
	return Declaration{Name: "overlay." + page + "." + blob, Type: OnOff, Default: "on",
		Does: "off: pages are made without this blob", Shows: "the page without it"}
}

// Part declares the switch of a ref that a page joins.
func Part(page, ref string) Declaration {
	return Declaration{Name: "part." + page + "." + ref, Type: OnOff, Default: "on",
		Does: "off: pages are made without what this ref leads to", Shows: "the page without it"}
}

// Live declares the switch of a live part.
func Live(part string) Declaration {
	return Declaration{Name: "live." + part, Type: OnOff, Default: "on",
		Does: "off: the live part is answered as hidden, and nobody is asked", Shows: "what stood on the page, without updates"}
}
