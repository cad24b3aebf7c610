package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

var base = &url.URL{Scheme: "https", Host: "news.example", Path: "/a/b.html"}

func TestRobots(t *testing.T) {
	const rules = `# for all
User-agent: *
Disallow: /

User-Agent: Xiaoyu
User-agent: other
Allow: /pub/
Allow: /a%20b
Disallow: /pub/*.pdf$
Disallow: /private # and below
Disallow: /q?
Disallow: /exact$
Disallow:
Crawl-delay: 2.5

User-agent: xiaoyu/2
Disallow: /two
`
	r := parseRobots([]byte(rules), "xiaoyu")
	for path, want := range map[string]bool{
		"/": true, "/pub/x.html": true, "/pub/x.pdf": false, "/pub/x.pdf?download": true, "/private": false, "/private/x": false, "/privat": true,
		"/q?x=1": false, "/q": true, "/exact": false, "/exactly": true, "/two": false, "/a%20b": true,
	} {
		u, err := url.Parse("http://h" + path)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.allows(u); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if r.delay != 2500*time.Millisecond {
		t.Errorf("delay %s", r.delay)
	}
	for _, c := range []struct {
		body    string
		allowed bool
	}{
		{"", true}, {"User-agent: *\nDisallow: /", false}, {"User-agent: *\nDisallow: /\nAllow: /x", true}, {"User-agent: *\nAllow: /x\nDisallow: /x", true},
		{"User-agent: someone\nDisallow: /", true}, {"<html>no robots</html>", true}, {"\xef\xbb\xbfUser-agent: *\r\nDisallow: /*\r\n", false},
		{"User-agent: *\nDisallow: /\nUser-agent: xiaoyu\nAllow: /", true}, {"User-agent: xiaoyu-other\nDisallow: /", true}, {"User-agent: *\nCrawl-delay: 1e9", true},
	} {
		r := parseRobots([]byte(c.body), "xiaoyu")
		if got := r.allows(&url.URL{Path: "/x"}); got != c.allowed || r.delay > maxDelay {
			t.Errorf("%q: %v, delay %s", c.body, got, r.delay)
		}
	}
}

func TestContentIsBelievedBeforeWhatIsSaidAboutIt(t *testing.T) {
	const zh, tw, ja, fr = "房间很干净，服务态度也不错，下次还会再来住。", "房間很乾淨，服務態度也不錯，下次還會再來住。", "この部屋はとてもきれいで、サービスもよかったです。", "Très bien, à côté de la plage"
	in := func(e encoding.Encoding, s string) string {
		b, err := e.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	gbk, big5, sjis := simplifiedchinese.GBK, traditionalchinese.Big5, japanese.ShiftJIS
	utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	for _, c := range []struct{ name, header, meta, body, want, encoding string }{
		{"nothing is said", "text/html", "", in(gbk, zh), zh, "gb18030"},
		{"the header is right", "text/html; charset=GBK", "", in(gbk, zh), zh, ""},
		{"the header lies: UTF-8", "text/html; charset=utf-8", "gb2312", in(gbk, zh), zh, ""},
		{"the header lies: GBK", "text/html; charset=gbk", "", zh, zh, "utf-8"},
		{"the header lies: Latin-1", "text/html; charset=ISO-8859-1", "", in(gbk, zh), zh, ""},
		{"both lie", "text/html; charset=utf-8", "iso-8859-1", in(big5, tw), tw, "big5"},
		{"GBK that is Big5", "text/html; charset=gbk", "", in(big5, tw), tw, "big5"},
		{"the page says what the header does not", "text/html", "shift_jis", in(sjis, ja), ja, "shift_jis"},
		{"Latin-1", "text/html; charset=iso-8859-1", "", in(charmap.Windows1252, fr), fr, "windows-1252"},
		{"UTF-16", "text/html; charset=utf-8", "", in(utf16, zh), zh, "utf-16le"},
		{"a byte order mark", "text/html; charset=gbk", "", "\ufeff" + zh, zh, "utf-8"},
		{"an unknown name", "text/html; charset=klingon", "", zh, zh, "utf-8"},
		{"broken UTF-8", "text/html; charset=utf-8", "", strings.Repeat(zh, 9) + "\xff", strings.Repeat(zh, 9) + "\uFFFD", "utf-8"},
	} {
		body := c.body
		if c.meta != "" {
			body = `<meta http-equiv="Content-Type" content="text/html; charset=` + c.meta + `">` + body
		}
		got, name := decode([]byte(body), c.header)
		if !strings.HasSuffix(string(got), c.want) || c.encoding != "" && name != c.encoding {
			t.Errorf("%s: %q as %s", c.name, got, name)
		}
	}
}

func TestFeedsOfEveryKind(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"RSS 2.0", `<?xml version="1.0" encoding="gb2312"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>站</title>
			<item><title><![CDATA[标题 & 一]]></title><link> ../1.html#x </link><description>short</description><content:encoded><![CDATA[<p>全文</p><script>no</script>]]></content:encoded><dc:creator>张三</dc:creator><pubDate>Wed, 02 Oct 2024 08:00:00 +0800</pubDate></item>
			<item><guid>https://news.example/2</guid><description>two</description></item><item><guid isPermaLink="false">https://x/3</guid><title>three</title></item></channel></rss>`,
			"https://news.example/1.html|标题 & 一|张三|2024-10-02T08:00:00+08:00|全文 / https://news.example/2||||two / |three|||"},
		{"Atom", `<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><link rel="next" href="?page=2"/><entry><title type="html">a &lt;b&gt;c&lt;/b&gt;</title><link rel="edit" href="/edit"/><link href="/1"/><author><name>Ann</name></author><published>2024-10-02T08:00:00Z</published><updated>2025-01-01T00:00:00Z</updated><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>one</p><p>two</p></div></content></entry>
			<entry><id>urn:2</id><summary type="text">1 &lt; 2</summary></entry></feed>`,
			"https://news.example/1|a c|Ann|2024-10-02T08:00:00Z|one\ntwo / ||||1 < 2"},
		{"RSS 1.0", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>R</title></channel><item rdf:about="x"><title>t&nbsp;u</title><link>https://h/1</link><dc:date>2024-10-02</dc:date><description>&lt;p&gt;d&lt;/p&gt;</description></item></rdf:RDF>`,
			"https://h/1|t u||2024-10-02|d"},
	} {
		if !looksFeed([]byte(c.body)) {
			t.Errorf("%s is no feed", c.name)
		}
		f := parseFeed([]byte(c.body), base)
		var got []string
		for _, e := range f.entries {
			got = append(got, strings.Join([]string{e.link, e.title, e.author, e.date, plainText(e.html)}, "|"))
		}
		if s := strings.Join(got, " / "); s != c.want || f.cut || (f.next != "") != (c.name == "Atom") {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, s, c.want)
		}
	}
	if looksFeed([]byte("<html><body></body></html>")) || looksFeed([]byte("rss")) {
		t.Error("a page is taken for a feed")
	}
}

func TestArticlesAreFound(t *testing.T) {
	menu := `<div class="nav-bar"><ul><li><a href=1>首页</a></li><li><a href=2>新闻中心</a></li></ul></div><div id="sidebar"><p>热门推荐的一段很长的话，不是正文，不应该出现在结果里面，无论它有多长。</p></div>`
	for _, c := range []struct {
		name, page string
		want       Article
	}{
		{"Chinese news", `<!DOCTYPE html><html lang="zh-CN"><head><title>新能源汽车销量再创新高_财经频道_某网</title><meta property="og:site_name" content="某网"><style>p{}</style></head><body>` + menu +
			`<div class="main"><h1>新能源汽车销量再创新高</h1><div class="info">全文：见下 2024年10月2日 08:30 作者：李四来源：某报 <a href=x>分享</a></div><div class="article-content"><p>　　中国汽车工业协会今天公布的数据显示，九月份新能源汽车销量同比增长四成。</p><p>业内人士认为，政策和价格都起了作用，增长还会继续下去。</p><div class="share">分享到：微信，微博，朋友圈，还有其他许多地方</div></div>
			<div class="comments"><p>网友评论：写得很好，我很同意，支持一下，希望多写一些这样的文章。</p></div><div class="related"><ul><li><a href=3>另一篇文章的标题，也相当长</a></li></ul></div></div><div class="footer">版权所有，未经许可不得转载</div></body></html>`,
			Article{"新能源汽车销量再创新高", "中国汽车工业协会今天公布的数据显示，九月份新能源汽车销量同比增长四成。\n业内人士认为，政策和价格都起了作用，增长还会继续下去。", "2024-10-02T08:30:00", "李四", "某网", "zh-CN"}},
		{"English blog", `<html lang=en><head><title>On small models | The Blog</title><meta name="author" content="Jane Doe"><script type="application/ld+json">{"@type":"Article","datePublished":"2024-05-06T07:08:09Z","author":[]}</script></head><body><header><a href=/>The Blog</a></header>
			<article><h1>On small models</h1><p>Small models are fast, cheap, and often good enough for what people need every day.</p><p>They <em>run</em> on <a href=x>ordinary machines</a>, which is the point, and need no network.</p><ul><li>One thing that matters is memory, of course.</li><li><a href=y>Read more about this</a></li></ul><pre>xiaoyu train</pre></article><aside><p>Subscribe to the newsletter, it is free and comes every week, really.</p></aside></body></html>`,
			Article{"On small models", "Small models are fast, cheap, and often good enough for what people need every day.\nThey run on ordinary machines, which is the point, and need no network.\nOne thing that matters is memory, of course.\nxiaoyu train", "2024-05-06T07:08:09Z", "Jane Doe", "news.example", "en"}},
		{"text without paragraphs", `<body><table><tr><td><a href=1>a</a> <a href=2>b</a></td></tr></table><div id=content>第一段话在这里，没有段落标签，只有换行，但是也是正文。<br>第二段话也在这里，同样没有标签，同样是正文的一部分。<br><br>第三段。</div></body>`,
			Article{"", "第一段话在这里，没有段落标签，只有换行，但是也是正文。\n第二段话也在这里，同样没有标签，同样是正文的一部分。\n第三段。", "", "", "news.example", ""}},
		{"hidden text", `<body><article><p hidden>Hidden words that nobody sees, however long they may be, here.</p><p style="display: none">Also hidden, and also long enough to be counted otherwise.</p><p>Seen words, which are what the page is about, after all.</p></article></body>`,
			Article{"", "Seen words, which are what the page is about, after all.", "", "", "news.example", ""}},
	} {
		got, err := Extract([]byte(c.page), base)
		if err != nil || got != c.want {
			t.Errorf("%s (%v): got\n%+v\nwant\n%+v", c.name, err, got, c.want)
		}
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"Wed, 02 Oct 2024 08:00:00 GMT": "2024-10-02T08:00:00Z", "2 Oct 2024 08:00:00 +0800": "2024-10-02T08:00:00+08:00", "2024-10-02T08:00:00+08:00": "2024-10-02T08:00:00+08:00",
		"2024年1月2日": "2024-01-02", "2024-01-02 03:04": "2024-01-02T03:04:00", "October 2, 2024": "2024-10-02", "yesterday": "", "": "",
	} {
		if got := isoDate(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add([]byte(`<html><body><article><p>Seen words, which are what the page is about.</p></article><script type="application/ld+json">[{"author":["x"]}]</script></body></html>`))
	f.Add([]byte(strings.Repeat("<div>", 600)))
	f.Add([]byte(strings.Repeat("<div>", 400) + strings.Repeat("text, ", 1<<9))) // deep
	f.Fuzz(func(t *testing.T, page []byte) {
		body, _ := decode(page, "text/html; charset=gbk")
		a, err := Extract(body, base)
		if err == nil && strings.Contains(a.Text, "\n\n") {
			t.Fatalf("empty lines in %q", a.Text)
		}
	})
}

func FuzzFeed(f *testing.F) {
	f.Add([]byte(`<rss><channel><item><title>a</title><link>/x</link><description>&lt;p&gt;d</description></item></channel></rss>`))
	f.Add([]byte(`<feed><entry><content type="xhtml"><div><p>x</p></div></content><link href="//h/y"/></entry></feed>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, e := range parseFeed(body, base).entries {
			if e.link != "" && !strings.HasPrefix(e.link, "http") {
				t.Fatalf("a link to %q", e.link)
			}
		}
	})
}

func FuzzRobots(f *testing.F) {
	f.Add([]byte("User-agent: *\nDisallow: /a*b$\nAllow: /a\nCrawl-delay: 1"), "/axb")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		r := parseRobots(body, product)
		r.allows(&url.URL{Path: path})
		if r.delay < 0 || r.delay > maxDelay {
			t.Fatalf("a delay of %s", r.delay)
		}
	})
}
