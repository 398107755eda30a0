// A device may keep the operations of a pass and issue them all at once, as long as they have the same arguments.
// Pictures all have one shape; captions do not, so the text tower keeps a table of such graphs, by all that its
// operations depend on. The text tower calls it; the backend records and issues. On a CPU nothing is kept, and the
// table only counts.
#include "model/towers/graph_table.h"

#include <string.h>

// The key's entry; the one that was used longest ago becomes it where there is none. A key has only words of 64 bits,
// so no padding disturbs the comparison. `made` is when the entry got its key: no two keys of the table have the same,
// so it is the number by which the backend sees that what it keeps belongs to another key and is to be forgotten.
static struct graph_entry *entry_of(struct graph_table *table, const struct graph_key *key) {
    struct graph_entry *oldest = table->entry;
    for (int i = 0; i < GRAPHS; i++) {
        struct graph_entry *entry = &table->entry[i];
        if (entry->used && memcmp(&entry->key, key, sizeof *key) == 0) return entry;
        if (entry->used < oldest->used) oldest = entry;
    }
    oldest->key = *key;
    oldest->made = table->time;
    return oldest;
}

void graph_table_begin(struct graph_table *table, struct ops *ops, struct graph_key key, bool *issued) {
    table->time++;
    struct graph_entry *entry = entry_of(table, &key);
    entry->used = table->time;
    ops->graph_begin(ops, &entry->graph, entry->made, issued);
    // issued already: the caller leaves out the operations and the end
    table->open = *issued ? NULL : entry;
}

void graph_table_end(struct graph_table *table, struct ops *ops) {
    ops->graph_end(ops, &table->open->graph);
    table->open = NULL;
}

void graph_table_release(struct graph_table *table, struct ops *ops) {
    for (int i = 0; i < GRAPHS; i++) ops->graph_release(ops, &table->entry[i].graph);
}
