"""What children are called who bear a longer name; the first form is the most usual."""

from __future__ import annotations

_SHORT = """
Oliver Ollie Olly
Archie Arch
Henry Harry Hal
Theodore Theo Teddy Ted
Jacob Jake Jakey
Thomas Tom Tommy
Alfie Alf
William Will Billy Liam Bill
James Jamie Jim Jimmy
Joshua Josh
Edward Ed Eddie Ted Teddy
Alexander Alex Xander Sandy
Joseph Joe Joey
Benjamin Ben Benny
Daniel Dan Danny
Samuel Sam Sammy
Matthew Matt Matty
Michael Mike Mikey Mick
David Dave Davey
Robert Rob Bobby Robbie Bob
Christopher Chris Kit
Nicholas Nick Nicky
Anthony Tony Ant
Andrew Andy Drew
Zachary Zac Zach
Nathan Nate
Nathaniel Nate Nathan
Sebastian Seb Bas
Harrison Harry Haz
Elijah Eli
Gabriel Gabe
Cameron Cam
Patrick Paddy Pat
Dominic Dom
Reginald Reggie
Frederick Freddie Fred
Arthur Art Artie
Albert Albie Bert
Stanley Stan
Tobias Toby
Leonard Leo Lenny
Ronnie Ron
Jonathan Jon Jonny
Stephen Steve
Olivia Liv Livvy Ollie
Amelia Millie Mimi Amy
Isabella Bella Izzy Issy
Isabelle Izzy Belle Issy
Charlotte Lottie Charlie
Emily Em Emmy Millie
Matilda Tilly Mattie
Penelope Penny Nell
Florence Flo Florrie Flossie
Evelyn Evie Eve
Elizabeth Lizzie Beth Eliza Libby Betty
Eleanor Ellie Nell Nora
Jessica Jess Jessie
Abigail Abi Abby
Alexandra Alex Lexi Sasha
Katherine Katie Kate Kat
Victoria Vicky Tori
Rebecca Becky Becca
Harriet Hattie Harry
Margot Maggie
Beatrice Bea
Beatrix Bea Trixie
Annabelle Annie Belle
Arabella Bella
Francesca Frankie Fran Chess
Georgia Georgie George
Imogen Immy
Josephine Josie Jo
Lauren Loz
Madison Maddie
Megan Meg
Natalie Nat
Phoebe Phebs
Samantha Sam
Scarlett Scar Lettie
Sophia Sophie Soph
Sophie Soph
Tabitha Tabby
Lillian Lily
Delilah Lilah
Aurora Rory Rora
Muhammad Mo Moh
Mohammed Mo Hammad
Abdullah Abdul Abs
Ibrahim Ibby
Yusuf Yus
Fatima Fati
Khadija Khady Dija
Maryam Mimi
Harpreet Harps Happy
Gurpreet Guri
Jaspreet Jas
Manpreet Manny
Aleksander Alek Olek
Jakub Kuba
Antoni Antek
Stanisław Staś
Mikołaj Miki
Szymon Szymek
Zuzanna Zuza
Zofia Zosia
Małgorzata Gosia
Aleksandra Ola
Julia Julka
Alexandru Alex
Andreea Andra
Emmanuel Manny Emma
Oluwaseun Seun
Ayomide Ayo
Chukwuemeka Emeka
Gabrielle Gabby
Deborah Debbie Debs
Abdirahman Abdi
""".strip()


SHORT_FORMS = {line.split()[0]: tuple(line.split()[1:]) for line in _SHORT.splitlines()}
"""Full given names with what a child is called."""
