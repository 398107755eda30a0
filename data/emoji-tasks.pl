#!/usr/bin/perl
# Statements about emoji whose truth follows from Unicode's subgroups, in LAVIS's layouts:
#   emoji-tasks.pl snli-ve|nlvr2 LIST.tsv COUNT SEED > list.json      (LIST.tsv as emoji.pl writes it)
# Kinds come first, then a picture of one, so that what has thousands of variants is no more frequent than the rest. The
# sentence alone never tells the label: of two statements with the same words one is true of its picture, one is not.
use strict;
use warnings;

my ($task, $list, $count, $seed) = @ARGV;

# What a picture shows, by subgroups all of whose members show it and nothing that is another kind.
my %kinds = (
    "a smiley"                      => qr/^face-(smiling|affection|tongue|hand|neutral-skeptical|sleepy|unwell|hat|glasses|concerned)$/,
    "a person"                      => qr/^person(-gesture|-role)?$/,
    "only hands"                    => qr/^(hand-.*|hands)$/,
    "an animal"                     => qr/^animal-/,
    "a flower"                      => qr/^plant-flower$/,
    "something to eat"              => qr/^food-(fruit|vegetable|prepared|asian|sweet)$/,
    "a flag"                        => qr/^(country-|subdivision-)?flag$/,
    "something that tells the time" => qr/^time$/,
    "an arrow"                      => qr/^arrow$/,
    "a sign of the zodiac"          => qr/^zodiac$/,
    "a musical instrument"          => qr/^musical-instrument$/,
    "a coloured shape"              => qr/^geometric$/,
);
# What nobody can tell from the picture.
my @unknown = ("and Anna likes it", "and it was drawn on a Monday", "and it belongs to a teacher", "and Peter saw it twice",
    "and it was sold yesterday", "and it costs two euros");

# The same numbers from a seed with every Perl (Park and Miller 1988).
my $state = $seed;
sub below { $state = $state * 48271 % 2147483647; return $state % $_[0] }
sub pick { return $_[below(scalar @_)] }

my (%members, %name_of);
open my $lines, "<", $list or die "$list: $!\n";
while (<$lines>) {
    my ($file, $group, $subgroup) = split /\t/;
    for my $kind (sort keys %kinds) { push @{$members{$kind}}, $file if $subgroup =~ $kinds{$kind} }
}
my @kinds = sort keys %members;
sub member { return pick(@{$members{$_[0]}}) }
sub other { my ($kind) = @_; return pick(grep { $_ ne $kind } @kinds) }

# Of a kind that is shown: it is entailed, or neutral with more than can be known. Of another either contradicts; there
# are as many of these as of both.
sub snli_ve {
    my ($shown, $label) = (pick(@kinds), pick("entailment", "neutral", "contradiction", "contradiction"));
    my $said = $label eq "contradiction" ? other($shown) : $shown;
    my $more = $label eq "neutral" || ($label eq "contradiction" && below(2)) ? " " . pick(@unknown) : "";
    my $sentence = pick("The picture shows $said$more.", "There is $said in the picture$more.", "One sees $said here$more.");
    return sprintf '{"image": "%s", "sentence": "%s", "label": "%s", "pairID": "%d"}', member($shown), $sentence, $label, $_[0];
}

# A statement, and for a kind what kinds of picture it is true of, and what of it is false.
my @statements = (
    ["Both pictures show %s.", ["11"], ["10", "01", "00"]],
    ["The left picture shows %s.", ["10", "11"], ["01", "00"]],
    ["The right picture shows %s.", ["01", "11"], ["10", "00"]],
    ["Exactly one of the pictures shows %s.", ["10", "01"], ["11", "00"]],
    ["Neither picture shows %s.", ["00"], ["10", "01", "11"]],
);

# A sentence goes with two pairs of pictures, one of which it is true of, as NLVR2's go with several.
my ($sentence_kind, $statement);
sub nlvr2 {
    my ($number) = @_;
    ($sentence_kind, $statement) = (pick(@kinds), pick(@statements)) if $number % 2 == 0;
    my $truth = $number % 2;
    my @shown = map { $_ ? $sentence_kind : other($sentence_kind) } split //, pick(@{$statement->[$truth ? 1 : 2]});
    return sprintf '{"images": ["%s", "%s"], "sentence": "%s", "label": "%s", "identifier": "emoji-%d-%d-0"}',
        member($shown[0]), member($shown[1]), sprintf($statement->[0], $sentence_kind), $truth ? "True" : "False",
        int($number / 2), $number % 2;
}

my %make = ("snli-ve" => \&snli_ve, nlvr2 => \&nlvr2);
my $make = $make{$task} or die "usage: emoji-tasks.pl snli-ve|nlvr2 LIST.tsv COUNT SEED\n";
print "[", join(",\n", map { $make->($_) } 0 .. $count - 1), "]\n";
