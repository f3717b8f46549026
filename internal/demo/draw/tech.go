package draw

func headphones(c *canvas, a Article) { box(c, a) }

func phone(c *canvas, a Article) { box(c, a) }

func laptop(c *canvas, a Article) { box(c, a) }

func speaker(c *canvas, a Article) { box(c, a) }

func camera(c *canvas, a Article) { box(c, a) }

func watch(c *canvas, a Article) { box(c, a) }
