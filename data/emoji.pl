#!/usr/bin/perl
# Noto's emoji as PNG files with what CLDR says of them: emoji.pl FONT EMOJI-TEST CLDR FOLDER LANGUAGE...
#   FOLDER/png/1F34E.png   a picture for each sequence of characters (in hex, without U+FE0F) that the font draws
#   FOLDER/LANGUAGE.PART.tsv   filepath, group, subgroup, name, other, keywords; PART is train or held-out
# Every tenth emoji is held out, with all its skin tones and genders: a variant of what was trained on is no new picture.
use strict;
use warnings;
use open qw(:std :encoding(UTF-8));

my ($font, $test, $cldr, $folder, @languages) = @ARGV;
my %others = (en => ["en_GB", "en_AU", "en_001"]);
binmode STDOUT, ":encoding(UTF-8)";

sub slurp {
    open my $file, "<:raw", $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}
my $bytes = slurp($font);
sub u8 { ord substr $bytes, $_[0], 1 }
sub u16 { unpack "n", substr $bytes, $_[0], 2 }
sub u32 { unpack "N", substr $bytes, $_[0], 4 }

my %table;
for my $i (0 .. u16(4) - 1) {
    my ($tag, $sum, $offset) = unpack "a4NN", substr $bytes, 12 + 16 * $i, 12;
    $table{$tag} = $offset;
}

# cmap, format 12: groups of characters with glyphs in a row.
sub characters {
    my %glyph;
    for my $i (0 .. u16($table{cmap} + 2) - 1) {
        my $sub = $table{cmap} + u32($table{cmap} + 8 + 8 * $i);
        next if u16($sub) != 12;
        for my $g (0 .. u32($sub + 12) - 1) {
            my ($first, $last, $start) = unpack "NNN", substr $bytes, $sub + 16 + 12 * $g, 12;
            $glyph{$_} = $start + $_ - $first for $first .. $last;
        }
    }
    return %glyph;
}

sub coverage {
    my $at = shift;
    return map { u16($at + 4 + 2 * $_) } 0 .. u16($at + 2) - 1 if u16($at) == 1;
    return map { u16($at + 4 + 6 * $_) .. u16($at + 6 + 6 * $_) } 0 .. u16($at + 2) - 1;
}

# GSUB, lookups of type 4: glyphs that stand for several in a row, as [glyph, first, second, ...].
sub ligatures {
    my ($lookups, @found) = $table{GSUB} + u16($table{GSUB} + 8);
    for my $l (0 .. u16($lookups) - 1) {
        my $lookup = $lookups + u16($lookups + 2 + 2 * $l);
        next if u16($lookup) != 4;
        for my $s (0 .. u16($lookup + 4) - 1) {
            my $sub = $lookup + u16($lookup + 6 + 2 * $s);
            my @first = coverage($sub + u16($sub + 2));
            for my $f (0 .. $#first) {
                my $set = $sub + u16($sub + 6 + 2 * $f);
                for my $k (0 .. u16($set) - 1) {
                    my $ligature = $set + u16($set + 2 + 2 * $k);
                    push @found, [u16($ligature), $first[$f], map { u16($ligature + 2 + 2 * $_) } 1 .. u16($ligature + 2) - 1];
                }
            }
        }
    }
    return @found;
}

# CBLC and CBDT: of the first strike the PNG of each glyph, index format 1 with image format 17 (five bytes of metrics).
sub pictures {
    my ($strike, %png) = $table{CBLC} + 8;
    my $array = $table{CBLC} + u32($strike);
    for my $i (0 .. u32($strike + 8) - 1) {
        my ($first, $last, $offset) = unpack "nnN", substr $bytes, $array + 8 * $i, 8;
        my ($index, $image, $data) = unpack "nnN", substr $bytes, $array + $offset, 8;
        die "$font: index format $index with image format $image is not read here\n" if $index != 1 || $image != 17;
        for my $glyph ($first .. $last) {
            my ($from, $to) = unpack "NN", substr $bytes, $array + $offset + 8 + 4 * ($glyph - $first), 8;
            my $at = $table{CBDT} + $data + $from;
            $png{$glyph} = substr $bytes, $at + 9, u32($at + 5) if $to > $from;
        }
    }
    return %png;
}

# Writes a file for each sequence, named by its characters; gives the names.
sub write_pictures {
    my (%characters, %written) = characters();
    my %png = pictures();
    my %spelled = map { $characters{$_} => sprintf "%04X", $_ } sort { $b <=> $a } keys %characters;
    my @drawn = map { [$_, $spelled{$_}] } keys %spelled;
    push @drawn, map { my ($glyph, @parts) = @$_; [$glyph, join "-", map { $spelled{$_} // "?" } @parts] } ligatures();
    for (@drawn) {
        my ($glyph, $name) = @$_;
        $name =~ s/-FE0F//g;
        next if !$png{$glyph} || $name =~ /\?/;
        open my $file, ">:raw", "$folder/png/$name.png" or die "$folder/png/$name.png: $!\n";
        print $file $png{$glyph};
        close $file or die "$folder/png/$name.png: $!\n";
        $written{$name} = 1;
    }
    return %written;
}

# The names and keywords of a language, by sequence; derived ones are of skin tones, families and flags.
sub annotations {
    my ($language, %name, %keywords) = @_;
    for my $file (grep { -e } map { "$cldr/$_/$language.xml" } "annotations", "annotationsDerived") {
        open my $lines, "<", $file or die "$file: $!\n";
        while (<$lines>) {
            my ($characters, $type, $text) = /<annotation cp="([^"]+)"( type="tts")?[^>]*>([^<]*)</ or next;
            next if $text =~ /\x{2191}/; # arrows up: as in the language above
            $text =~ s/&lt;/</g, $text =~ s/&gt;/>/g, $text =~ s/&quot;/"/g, $text =~ s/&amp;/&/g;
            my $key = join "-", map { sprintf "%04X", ord } split //, $characters =~ s/\x{FE0F}//gr;
            ($type ? \%name : \%keywords)->{$key} = $text;
        }
    }
    return (\%name, \%keywords);
}

sub keyword_phrase {
    my ($keywords, $name) = @_;
    return join ", ", grep { lc $_ ne lc $name } split / \| /, $keywords // "";
}

# Sequences in Unicode's order, with group and subgroup; the tenth of each ten is held out.
sub emoji {
    my ($drawn) = @_;
    my ($groups, $turns, $group, $subgroup, @emoji, %groups, %turn) = (0, 0);
    open my $lines, "<", $test or die "$test: $!\n";
    while (<$lines>) {
        $group = $groups{$1} //= $groups++ if /^# group: (.*)/;
        $subgroup = $1 if /^# subgroup: (.*)/;
        next unless /^([0-9A-F ]+?) *; (fully-qualified|component)/;
        my $key = join "-", grep { $_ ne "FE0F" } split / /, $1;
        next unless $drawn->{$key};
        my $base = join "-", grep { !/^(1F3F[B-F]|200D|2640|2642|1F46[89]|1F9D1)$/ } split /-/, $key;
        my $turn = $turn{$base || $key} //= $turns++;
        push @emoji, {key => $key, group => $group, subgroup => $subgroup, part => $turn % 10 == 9 ? "held-out" : "train"};
    }
    return ([sort { $groups{$a} <=> $groups{$b} } keys %groups], @emoji);
}

sub write_lists {
    my ($language, @emoji) = @_;
    my ($name, $keywords) = annotations($language);
    my @others = map { (annotations($_))[0] } @{$others{$language} // []};
    my %file;
    for my $part ("train", "held-out") {
        open $file{$part}, ">", "$folder/$language.$part.tsv" or die "$folder/$language.$part.tsv: $!\n";
        print {$file{$part}} join("\t", qw(filepath group subgroup name other keywords)), "\n";
    }
    for (@emoji) {
        my $text = $name->{$_->{key}} // next;
        my $other;
        for my $names (@others) { $other //= $names->{$_->{key}} if lc($names->{$_->{key}} // $text) ne lc $text }
        print {$file{$_->{part}}} join("\t", "$_->{key}.png", $_->{group}, $_->{subgroup}, $text, $other // "",
            keyword_phrase($keywords->{$_->{key}}, $text)), "\n";
    }
    for (keys %file) { close $file{$_} or die "$folder/$language.$_.tsv: $!\n" }
}

mkdir "$folder/png";
my %drawn = write_pictures();
my ($groups, @emoji) = emoji(\%drawn);
write_lists($_, @emoji) for @languages;
open my $names, ">", "$folder/groups.txt" or die "$folder/groups.txt: $!\n";
print $names "$_\n" for @$groups;
close $names or die "$folder/groups.txt: $!\n";
