-- Renders the demo's item page from its JSON twin: the peer of scripts/bench-cold, written by hand for this one page.
local cjson = require "cjson"
local esc = { ["&"]="&amp;", ["<"]="&lt;", [">"]="&gt;", ['"']="&#34;", ["'"]="&#39;" }
local gsub, concat = string.gsub, table.concat
local function e(s) if s == nil or s == cjson.null then return "" end return (gsub(tostring(s), "[&<>\"']", esc)) end
local function money(n) return string.format("€%.2f", n) end
local function discount(price)
  local percent = math.floor(100 - 100 * price.amount / price.list + 1e-9)
  return percent >= 1 and "−" .. percent .. "%" or ""
end
local base = "http://127.0.0.1:8080"
-- The address of a category: its own, or that of its page.
local function address(c) return c.url or "/category/" .. gsub(string.lower(c.title), "[^%w]+", "-") .. "-" .. c.category .. ".html" end
local M = {}
function M.page(d)
  local t, n = {}, 0
  local function w(s) n = n + 1; t[n] = s end
  local p = d.product; local title = e(p.title)
  local url = base .. "/item/" .. e(d.sku) .. ".html"
  w'<!DOCTYPE html>\n<html lang="en" dir="ltr">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n<title>' w(title) w' · Vitrine</title>\n'
  if p.brief then w'<meta name="description" content="' w(e(p.brief)) w'">\n' end
  w'<link rel="canonical" href="' w(url) w'">\n<meta property="og:type" content="product">\n<meta property="og:title" content="' w(title) w'">\n'
  if p.brief then w'<meta property="og:description" content="' w(e(p.brief)) w'">\n' end
  w'<meta property="og:url" content="' w(url) w'">\n<meta property="og:site_name" content="Vitrine">\n'
  local pictures = {}
  for i, m in ipairs(p.images or {}) do if i <= 4 then
    pictures[i] = base .. m.url
    w'<meta property="og:image" content="' w(e(pictures[i])) w'">\n'
  end end
  w'<meta name="twitter:card" content="' w(pictures[1] and 'summary_large_image' or 'summary') w'">\n<meta property="product:price:amount" content="' w(e(string.format("%.2f", d.price.amount))) w'">\n<meta property="product:price:currency" content="' w(e(d.price.currency)) w'">\n'
  w'<link rel="icon" href="data:,">\n<link rel="stylesheet" href="/assets/site.7873aa7a52c1f893.css">\n<script src="/assets/site.a6b33acf9d976255.js" defer></script>\n'
  local crumbs, graph = {}, {}
  for i, c in ipairs(d.path or {}) do crumbs[i] = { ["@type"]="ListItem", name=c.title, item=base .. address(c), position=i } end
  local product = { ["@id"]=url .. "#product", ["@type"]="Product", brand={ ["@type"]="Brand", name=d.brand and d.brand.title }, description=p.brief, name=p.title, sku=d.sku, image=pictures, url=url,
    offers={ ["@type"]="Offer", availability="https://schema.org/InStock", price=string.format("%.2f", d.price.amount), priceCurrency=d.price.currency, url=url, seller={ ["@type"]="Organization", name=d.shop and d.shop.title } } }
  if d.siblings and #d.siblings > 0 then
    local variants = { { ["@id"]=url .. "#product" } }
    for i, x in ipairs(d.siblings) do variants[i+1] = { url=base .. "/item/" .. x.sku .. ".html" } end
    graph[1] = { ["@id"]=url .. "#group", ["@type"]="ProductGroup", hasVariant=variants, name=p.title, productGroupID=d.sku, variesBy={ "https://schema.org/color" } }
    product.isVariantOf, product.color = { ["@id"]=url .. "#group" }, p.options and p.options[1] and p.options[1].value
  end
  graph[#graph+1] = product
  graph[#graph+1] = { ["@type"]="BreadcrumbList", itemListElement=crumbs }
  local ld = { ["@context"]="https://schema.org", ["@graph"]=graph }
  w'<script type="application/ld+json">' w((gsub(cjson.encode(ld), "[<>&]", { ["<"]="\\u003c", [">"]="\\u003e", ["&"]="\\u0026" }))) w'</script>\n</head>\n<body>\n<a class="skip" href="#main">To the content</a>\n<header class="top"><a class="site" href="/">Vitrine</a><p class="demo"><a href="http://127.0.0.1:8082/edit/' w(e(d.sku)) w'">Edit this shop</a></p>\n</header>\n\n'
  w'<main id="main" data-gen="1795273349274967" data-swap="main" data-live-url="/live/' w(e(d.sku)) w'" data-every="750" data-currency="EUR" data-asof="As of">\n\n<nav class="path" aria-label="Where you are"><ol>\n'
  for _, c in ipairs(d.path or {}) do w'<li><a href="' w(e(address(c))) w'">' w(e(c.title)) w'</a></li>\n' end
  w'</ol></nav>\n\n\n<article class="item">\n<div class="gallery" data-swap="gallery">\n<div class="strip" tabindex="0" role="group" aria-label="Pictures">\n'
  for i, m in ipairs(p.images or {}) do
    w'<img id="picture-' w(i-1) w'" src="' w(e(m.url)) w'" alt="' w(m.alt and e(m.alt) or title) w'" width="' w(e(m.width)) w'" height="' w(e(m.height)) w(i == 1 and '" fetchpriority="high" decoding="async">\n' or '" loading="lazy" decoding="async">\n')
  end
  w'</div>\n' if p.images and p.images[2] then w'<p class="count needs-script" aria-hidden="true">1 / ' w(#p.images) w'</p>\n' end w'<nav class="thumbs" aria-label="Pictures">\n'
  for i, m in ipairs(p.images or {}) do w'<a href="#picture-' w(i-1) w'"><img src="' w(e(m.url)) w'" alt="' w(m.alt and e(m.alt) or title) w'" width="72" height="72" loading="lazy" decoding="async"></a>\n' end
  w'</nav>\n\n</div>\n\n<div class="facts">\n<div class="title" data-swap="title">\n'
  if d.brand then w'<p class="brand">' if d.brand.logo then w'<img src="' w(e(d.brand.logo)) w'" alt="" width="28" height="28">' end w(e(d.brand.title)) w'</p>\n' end
  w'<h1>' w(title) w'</h1>\n' if p.brief then w'<p class="brief">' w(e(p.brief)) w'</p>\n' end
  w'</div>\n\n<div class="offer" data-part="offer" data-currency="EUR">\n<p class="price"><strong data-live="price.amount" data-as="money">' w(money(d.price.amount)) w'</strong> <s data-live="price.list" data-as="list">' if d.price.list then w(money(d.price.list)) end
  w'</s> <span class="discount" data-live="price.list" data-as="discount">' if d.price.list then w(discount(d.price)) end w'</span></p>\n<ul class="promotions" data-live="promotions" data-as="titles">' for _, x in ipairs(d.promotions or {}) do w'<li>' w(e(x.title)) w'</li>' end
  local s = d.stock or {}
  w'</ul>\n<p class="stock" role="status"><span data-live="stock.state" data-as="choice" data-state="' w(e(s.state)) w'" data-in="In stock" data-low="Only a few left" data-out="Out of stock" data-preorder="Pre-order" data-backorder="On back order" data-day="Available from {}">' w(s.state == "in" and "In stock" or s.state == "low" and "Only a few left" or "Out of stock")
  w'</span> <span class="quantity" data-live="stock.quantity" data-as="number" data-before="Pieces:">Pieces: ' w(e(s.quantity)) w'</span></p>\n<p class="asof"></p>\n</div>\n\n'
  if d.siblings and #d.siblings > 0 then
    local names, by = {}, {}
    for _, o in ipairs(p.options or {}) do
      names[#names+1] = o.name; by[o.name] = { { text=o.value, image=p.images and p.images[1] and p.images[1].url } }
    end
    for _, x in ipairs(d.siblings) do for _, o in ipairs(x.product.options or {}) do if by[o.name] then
      local seen = false; for _, y in ipairs(by[o.name]) do if y.text == o.value then seen = true end end
      if not seen then local l = by[o.name]; l[#l+1] = { text=o.value, id=x.sku, url="/item/" .. x.sku .. ".html", image=x.product.images and x.product.images[1] and x.product.images[1].url } end
    end end end
    w'<div class="options" data-swap="options">\n'
    for _, name in ipairs(names) do
      w'<div class="choice"><h2>' w(e(name)) w'</h2><ul data-stocks="/blobs/sku/offer" data-out="Sold out">\n'
      for _, v in ipairs(by[name]) do
        w(v.url and '<li><a href="' .. e(v.url) .. '" data-id="' .. e(v.id) .. '">' or '<li><span aria-current="true">') if v.image then w'<img src="' w(e(v.image)) w'" alt="" width="48" height="48" loading="lazy" decoding="async">' end
        w(e(v.text)) w(v.url and '</a></li>\n' or '</span></li>\n')
      end
      w'</ul></div>\n'
    end
    w'</div>\n\n'
  end
  w'<div class="delivery needs-script" data-part="delivery">\n<p><b>Delivery</b> <span data-live="delivery.text"></span></p>\n<label><span>To</span> <select data-live="delivery.areas" data-as="options" data-selected="delivery.area" data-param="area"></select></label>\n<p class="asof"></p>\n</div>\n\n\n<form class="order" action="http://127.0.0.1:8082/buy" method="get" data-part="offer" data-currency="EUR">\n<input type="hidden" name="id" value="' w(e(d.sku)) w'">\n<span class="sum" data-live="price.amount" data-as="money">' w(money(d.price.amount)) w'</span>\n<label>Quantity <input type="number" name="quantity" value="1" min="1" max="999" inputmode="numeric" required></label>\n<button type="submit" data-live="stock.state" data-as="order" data-buy="Buy" data-preorder="Pre-order now"' w(s.state == "out" and ' disabled' or '') w'>Buy</button>\n</form>\n\n<ul class="terms">\n</ul>\n<button class="share needs-script" type="button" data-share data-done="Copied">Share</button>\n\n'
  if d.shop then w'<p class="shop">Sold by ' w(e(d.shop.title)) w'</p>\n' end
  w'</div>\n</article>\n<section class="specs" data-swap="specs"><h2>Specifications</h2>\n'
  for _, g in ipairs(d.specs or {}) do
    w'<table>\n<caption>' w(e(g.group)) w'</caption>\n<tbody>\n'
    for _, r in ipairs(g.rows or {}) do w'<tr><th scope="row">' w(e(r.name)) w'</th><td>' w(e(r.value)) w'</td></tr>\n' end
    w'</tbody></table>\n'
  end
  w'</section>\n\n<section class="description" data-load="/desc/' w(e(d.sku)) w'.html"><h2>Description</h2>\n<p><a href="/desc/' w(e(d.sku)) w'.html">Read the description</a></p></section>\n<section class="recommended"><h2>You may also like</h2>\n<ul class="cards" data-blobs="/blobs/sku/offer">\n'
  for _, c in ipairs(d.recommended or {}) do
    w'<li class="card"><a href="/item/' w(e(c.sku)) w'.html"><img src="' w(e(c.product.images and c.product.images[1] and c.product.images[1].url)) w'" alt="" width="200" height="200" loading="lazy" decoding="async">\n<span class="name">' w(e(c.product.title)) w'</span></a>\n<span class="price" data-card="' w(e(c.sku)) w'"></span></li>\n'
  end
  w'</ul></section>\n\n<section class="recent" data-recent="/item/' w(e(d.sku)) w'.html" hidden><h2>Recently viewed</h2><ul class="cards"></ul></section>\n\n</main>\n<footer class="bottom"><p>Vitrine</p></footer>\n</body>\n</html>\n'
  return concat(t)
end
return M
