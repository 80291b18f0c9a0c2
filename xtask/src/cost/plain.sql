-- A shop as one database usually has it: the tables of `crates/shop/benches/direct_door/plain.rs`, in PostgreSQL's own types.
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, status text NOT NULL);
CREATE TABLE products (id bigint PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price bigint NOT NULL, stock bigint NOT NULL,
    sold bigint NOT NULL, status text NOT NULL, updated_at timestamptz NOT NULL);
CREATE TABLE points (user_id bigint PRIMARY KEY, balance bigint NOT NULL, updated_at timestamptz NOT NULL);
CREATE TABLE point_history (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 32) PRIMARY KEY, user_id bigint NOT NULL, kind text NOT NULL,
    amount bigint NOT NULL, balance bigint NOT NULL, order_id bigint, at timestamptz NOT NULL);
CREATE INDEX point_history_by_user ON point_history (user_id, id);
CREATE TABLE order_keys (hash bytea PRIMARY KEY, body_hash bytea NOT NULL, order_id bigint NOT NULL);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 32) PRIMARY KEY, user_id bigint NOT NULL, status text NOT NULL,
    total bigint NOT NULL, discount bigint NOT NULL, points_used bigint NOT NULL, card_amount bigint NOT NULL,
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, confirmed_at timestamptz);
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE TABLE order_lines (order_id bigint NOT NULL, line int NOT NULL, product_id bigint NOT NULL, quantity bigint NOT NULL,
    unit_price bigint NOT NULL, amount bigint NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE payments (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 32) PRIMARY KEY, order_id bigint NOT NULL, user_id bigint NOT NULL,
    status text NOT NULL, amount bigint NOT NULL, points bigint NOT NULL, discount bigint NOT NULL, currency text NOT NULL,
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
CREATE INDEX payments_by_order ON payments (order_id);
CREATE TABLE sales (day date NOT NULL, product_id bigint NOT NULL, sku text NOT NULL, name text NOT NULL, sold bigint NOT NULL,
    PRIMARY KEY (day, product_id));
INSERT INTO users SELECT n, 'user-' || n || '@example.com', 'ACTIVE' FROM generate_series(1, 1000) n;
INSERT INTO points SELECT id, 1000000000000, now() FROM users;
INSERT INTO products SELECT n, 'SKU-' || n, 'Thing', 100, 1000000000, 0, 'ACTIVE', now() FROM generate_series(1, 1000) n;
ANALYZE;
