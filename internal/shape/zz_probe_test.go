package shape_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"vitrine/internal/catalog"
	"vitrine/internal/shape"
)

func q(s string) *catalog.Query {
	p, err := gojq.Parse(s)
	if err != nil { panic(err) }
	c, err := gojq.Compile(p)
	if err != nil { panic(err) }
	return &catalog.Query{Text: s, Code: c}
}

func TestProbe(t *testing.T) {
	for _, s := range []string{`def f: f; f`, `def f: 1+f; f`, `[range(1e9)]`, `"x"*1000000000`, `"x"*5000000`, `[limit(1e9;repeat(1))]`, `reduce range(1e9) as $i (0;.+1)`,
		`reduce range(1e9) as $i ("x"; .+.)`, `reduce range(1e9) as $i ([1]; .+.)`, `.[134217727]=1`, `.[1e9]=1`, `[range(100000)|tostring]|join(",")`, `reduce range(25) as $i (1;[.,.])`, `reduce range(21) as $i (1;[.,.])|tojson|length`,
		`reduce range(100000) as $i (1;[.])`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaa!"|test("(a+)+$")`, `[range(1e6)]|implode`, `("x"*1000000)|[splits("")]|length`, `("x"*3000000)/""|length`, `last(range(1e9))`, `[1]|combinations(30)`, `pow(10;1000)|tostring`, `infinite`, `nan`, `"\(reduce range(20) as $i (1;[.,.]))"|length`, `reduce range(22) as $i (1;[.,.])|flatten|length`,`@base64 "\("x"*8000000)"`} {
		var m0, m1 runtime.MemStats
		runtime.GC(); runtime.ReadMemStats(&m0)
		b := time.Now()
		out, err := shape.Run(q(s), []byte("null"))
		took := time.Since(b)
		runtime.ReadMemStats(&m1)
		fmt.Printf("%-50.50s %8s alloc %5d MiB sys %5d out %d err %.100v\n", s, took.Round(time.Millisecond), (m1.TotalAlloc-m0.TotalAlloc)>>20, m1.Sys>>20, len(out), err)
	}
}

func TestProbeClean(t *testing.T) {
	for n, s := range map[string]string{"divs": strings.Repeat("<div>", 100000), "b p": strings.Repeat("<b><p>", 80000), "a": strings.Repeat("<a href=/x>", 60000),
		"attr": `<p title="` + strings.Repeat("a", 1<<20-20) + `">x`, "attrs": "<p " + strings.Repeat("a=1 ", 200000) + ">x", "style": `<p style="` + strings.Repeat("color:red;", 100000) + `">x`,
		"style2": `<p style="` + strings.Repeat("{", 1000000) + `">x`, "table": strings.Repeat("<table><b>", 50000), "li": strings.Repeat("<ul><li>", 60000), "amp": strings.Repeat("&lt;", 200000), "lt": strings.Repeat("<", 1000000), "br": strings.Repeat("<br>", 200000), "bclose":strings.Repeat("<b>x</p>", 100000), "i": strings.Repeat("<b></b>", 100000), "nest500": strings.Repeat("<b>",400)+strings.Repeat("<p>x",100000), "style3": `<p style="` + strings.Repeat("/*", 500000) + `">x`, "style4": strings.Repeat(`<p style="color:red">x`, 20000)} {
		b := time.Now()
		out, err := shape.Clean(s[:min(len(s), 1<<20)])
		fmt.Printf("%-10s %8s out %d err %.100v\n", n, time.Since(b).Round(time.Millisecond), len(out), err)
	}
	for _, s := range []string{`<a href="//x.y/z" target=_blank>t</a><img src=//a/b.png onerror=x _src=1 style="width:100%;position:fixed">`, `<p>a<div>b</p>c`, `</div></div><script>x</script>`, `<video controls src="http://a/b.mp4"><source src="x.mp4" type="video/mp4"></video>`, `<a href=JaVaScRiPt:alert(1)>x</a>`, `<p style="color:expression(1);text-align:center">x`, "<table><tr><td>x<b>y</table>z"} {
		out, err := shape.Clean(s)
		fmt.Println(s, "=>", out, err)
	}
}
