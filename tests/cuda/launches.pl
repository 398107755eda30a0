#!/usr/bin/perl
# Turns the two things of CUDA C++ that a C++ compiler cannot read into calls of tests/cuda/device.h: launches and shared
# memory of a size that the launch names.
undef $/;
my ($path) = @ARGV;
open(my $file, '<', $path) or die "$path: $!";
my $text = <$file>;
$text =~ s/extern __shared__ (?:__align__\(16\) )?(\w+) (\w+)\[\];/$1 *$2 = ($1 *)stand_in::shared_memory();/g;
$text =~ s/((?<!\w)\w+(<(?:[\w\s,:]|(?2))*>)?)((?:\s|\\\n)*)<<<(.*?)>>>\s*\(/stand_in::launch($4, [=](auto... a) { $1(a...); })$3(/gs;
print "#line 1 \"$path\"\n$text";
