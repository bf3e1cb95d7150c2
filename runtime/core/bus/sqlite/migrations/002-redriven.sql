-- A dead letter is taken up again: in place, or by another run, which is then noted.

ALTER TABLE delivery ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN earlier_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN replaced_by TEXT;
