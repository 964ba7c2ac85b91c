CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO customers
SELECT i, 'customer ' || i, 'c' || i || '@example.com' FROM n;

CREATE TABLE crm_customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);

-- A row every 86.4 seconds of the last week.
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER,
    amount NUMERIC(12,2),
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX orders_created_at ON orders (created_at);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000)
INSERT INTO orders
SELECT
    i,
    i % 200,
    i % 97 + 0.5,
    strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ((7000 - i) * 86.4) || ' seconds')
FROM n;

CREATE TABLE orders_archive (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER,
    amount NUMERIC(12,2),
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE invoices (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO invoices
SELECT i, date('now', '-' || (i % 10) || ' days'), 10 FROM n;

-- Without amounts: a reload from here does not help.
CREATE TABLE invoices_archive (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2));
INSERT INTO invoices_archive SELECT id, day, NULL FROM invoices;

CREATE TABLE daily_sales (id INTEGER PRIMARY KEY, day DATE, amount NUMERIC(12,2));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO daily_sales
SELECT i, date('now', '-' || (i % 30) || ' days'), i % 31 FROM n;
