-- Format 1 of the database, as the first version made it; it never changes.
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE servers (guild INTEGER PRIMARY KEY, moderator_role INTEGER);
CREATE TABLE channels (
    guild INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    rule TEXT NOT NULL CHECK (rule IN ('allow', 'deny')),
    PRIMARY KEY (guild, channel)
);
CREATE TABLE blocked (
    guild INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    member INTEGER NOT NULL,
    PRIMARY KEY (guild, member)
);
CREATE TABLE answers (
    key INTEGER PRIMARY KEY,
    guild INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    message INTEGER,
    asker INTEGER NOT NULL,
    edition TEXT NOT NULL,
    confidence REAL NOT NULL,
    evidence TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX answers_by_message ON answers (message);
CREATE INDEX answers_by_asker ON answers (asker);
CREATE INDEX answers_by_time ON answers (at);
CREATE TABLE feedback (
    answer INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE,
    person INTEGER NOT NULL,
    vote INTEGER NOT NULL CHECK (vote IN (-1, 1)),
    PRIMARY KEY (answer, person)
);
CREATE INDEX feedback_by_person ON feedback (person);
PRAGMA application_id = 0x4C4E4F54;
PRAGMA user_version = 1;
