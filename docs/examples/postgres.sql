-- The tables that postgres.yaml reads, with three articles.
CREATE TABLE brands (id int PRIMARY KEY, name text NOT NULL);

CREATE TABLE products (
  sku        text PRIMARY KEY,
  name       text NOT NULL,
  summary    text,
  html       text,
  images     text[] NOT NULL DEFAULT '{}',
  options    jsonb  NOT NULL DEFAULT '{}',
  brand_id   int REFERENCES brands,
  price      numeric(12,2) NOT NULL,
  list_price numeric(12,2),
  on_hand    int  NOT NULL DEFAULT 0,
  active     bool NOT NULL DEFAULT true,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE product_specs (
  sku      text NOT NULL REFERENCES products,
  section  text NOT NULL,
  name     text NOT NULL,
  value    text NOT NULL,
  position int  NOT NULL,
  PRIMARY KEY (sku, position)
);

INSERT INTO brands VALUES (1, 'Nordlys'), (2, 'O''Malley');

INSERT INTO products (sku, name, summary, html, images, options, brand_id, price, list_price, on_hand) VALUES
  ('LAMP-1', 'Desk lamp', 'Turns with you', '<p>Made of <b>steel</b>.</p>', '{https://img.example/lamp.jpg}', '{"colour": "red", "cable": 1.50}', 1, 59.90, 79.00, 12),
  ('LAMP-2', 'Floor lamp', NULL, NULL, '{}', '{}', 1, 129.00, NULL, 0),
  ('MUG"''{1}', 'Mug with an odd number', NULL, NULL, '{}', '{"colour": "blue"}', 2, 7.10, NULL, 400);

INSERT INTO product_specs VALUES
  ('LAMP-1', 'Light', 'Lumen', '800', 1), ('LAMP-1', 'Light', 'Kelvin', '2700', 2), ('LAMP-1', 'Body', 'Height', '45 cm', 3),
  ('LAMP-2', 'Body', 'Height', '160 cm', 1), ('MUG"''{1}', 'Body', 'Holds', '0.3 l', 1);
