-- One order of one piece, paid with points: one transaction of separate statements, each prepared once (pgbench --protocol=prepared).
\set user random(1, 1000)
\set product random(1, :products)
\set key random(1, 9000000000000000000)
BEGIN;
SELECT count(*) AS used FROM order_keys WHERE hash = int8send(:key) \gset
SELECT status AS user_status FROM users WHERE id = :user \gset
SELECT sku, name, price, status AS product_status FROM products WHERE id = :product \gset
SELECT balance FROM points WHERE user_id = :user \gset
INSERT INTO orders (user_id, status, total, discount, points_used, card_amount, created_at, updated_at, confirmed_at)
    VALUES (:user, 'CONFIRMED', :price, 0, :price, 0, now(), now(), now()) RETURNING id AS order_id \gset
INSERT INTO order_keys VALUES (int8send(:key), int8send(:key), :order_id);
INSERT INTO order_lines VALUES (:order_id, 0, :product, 1, :price, :price);
UPDATE products SET stock = stock - 1, sold = sold + 1, updated_at = now() WHERE id = :product AND stock >= 1;
UPDATE points SET balance = balance - :price, updated_at = now() WHERE user_id = :user AND balance >= :price
    RETURNING balance AS left_over \gset
INSERT INTO point_history (user_id, kind, amount, balance, order_id, at) VALUES (:user, 'USE', -(:price)::bigint, :left_over, :order_id, now());
INSERT INTO payments (order_id, user_id, status, amount, points, discount, currency, created_at, updated_at)
    VALUES (:order_id, :user, 'APPROVED', 0, :price, 0, 'KRW', now(), now());
INSERT INTO sales VALUES (current_date, :product, :sku, :name, 1)
    ON CONFLICT (day, product_id) DO UPDATE SET sold = sales.sold + 1, name = excluded.name;
COMMIT;
