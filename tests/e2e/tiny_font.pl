#!/usr/bin/perl
# A font like Noto's emoji, with five glyphs and pictures "PNG1" ... "PNG4", as data/emoji.pl reads it: tiny_font.pl > font.ttf
# Glyph 1 is U+1F34E, 2 is U+1F44B, 3 is U+1F3FB, and 4 stands for 2 and 3 in a row.
use strict;
use warnings;

my @groups = ([0x1F34E, 1], [0x1F3FB, 3], [0x1F44B, 2]);
my $cmap = pack("nnnnN", 0, 1, 3, 10, 12) . pack("nnNNN", 12, 0, 16 + 12 * @groups, 0, scalar @groups) .
    join "", map { pack "NNN", $_->[0], $_->[0], $_->[1] } @groups;
my $coverage = pack "nnn", 1, 1, 2;
my $ligature = pack "nnn", 4, 2, 3;
my $sub = pack("nnnn", 1, 8, 1, 14) . $coverage . pack("nn", 1, 4) . $ligature;
my $lookups = pack("nnnnnn", 1, 4, 4, 0, 1, 8) . $sub;
my $gsub = pack("nnnnn", 1, 0, 0, 0, 10) . $lookups;

my ($data, @at) = (pack "N", 0x30000);
for (1 .. 4) { push @at, length($data) - 4; $data .= pack("C5N", 0, 0, 0, 0, 0, 4) . "PNG$_" }
push @at, length($data) - 4;
my $index = pack("nnN", 1, 17, 4) . pack "N5", @at;
my $strike = pack("NNNN", 56, 8 + length $index, 1, 0) . ("\0" x 24) . pack("nnCCCC", 1, 4, 109, 109, 32, 1);
my $cblc = pack("NN", 0x30000, 1) . $strike . pack("nnN", 1, 4, 8) . $index;

my %table = (CBDT => $data, CBLC => $cblc, GSUB => $gsub, cmap => $cmap);
my ($header, $bodies, $offset) = (pack("Nnnnn", 0x10000, scalar(keys %table), 0, 0, 0), "", 12 + 16 * keys %table);
for (sort keys %table) {
    $header .= pack "a4NNN", $_, 0, $offset + length $bodies, length $table{$_};
    $bodies .= $table{$_};
}
binmode STDOUT;
print $header, $bodies;
