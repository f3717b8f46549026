package draw

func tent(c *canvas, a Article) { box(c, a) }

func robot(c *canvas, a Article) { box(c, a) }

func book(c *canvas, a Article) { box(c, a) }

func giftcard(c *canvas, a Article) { box(c, a) }
