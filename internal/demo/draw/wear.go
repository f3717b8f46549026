package draw

func tshirt(c *canvas, a Article) { box(c, a) }

func sneaker(c *canvas, a Article) { box(c, a) }

func backpack(c *canvas, a Article) { box(c, a) }

func sunglasses(c *canvas, a Article) { box(c, a) }
