package draw

func mug(c *canvas, a Article) { box(c, a) }

func teapot(c *canvas, a Article) { box(c, a) }

func pan(c *canvas, a Article) { box(c, a) }

func bottle(c *canvas, a Article) { box(c, a) }

func knife(c *canvas, a Article) { box(c, a) }
