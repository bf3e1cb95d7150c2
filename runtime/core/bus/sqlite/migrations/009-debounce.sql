-- When the first of several events came for which a delivery is put off; null where it is not.

ALTER TABLE delivery ADD COLUMN put_off_since INTEGER;
