"""Names of Eastern European families (Polish, Romanian), most frequent first.

Surnames are in the man's form; `naming` makes the woman's where there is one.
"""

from tests.support.synthetic_children.words import words

BOYS = words("""
Jakub Antoni Filip Szymon Adam Kacper Aleksander Oliwier Mateusz Nikodem Oskar Alan Igor
Maksymilian Dawid Dominik Michał Wojciech Bartosz Kamil Patryk Wiktor Hubert Krzysztof Łukasz
Marcel Tymon Mikołaj Stanisław Franciszek Ignacy Bruno Tymoteusz Fabian Kajetan Sebastian Natan
Leon Ksawery Andrei David Ștefan Luca Matei Alexandru Gabriel Ionuț Cristian Darius Răzvan Vlad
Rareș Mihai Eduard Robert Nicolas Tudor Albert Denis Patrick Raul Iustin Cosmin Ianis Eric Edward
Radu Cezar
""")

GIRLS = words("""
Zuzanna Julia Maja Zofia Hanna Lena Alicja Oliwia Amelia Maria Wiktoria Aleksandra Natalia Nadia
Gabriela Emilia Antonina Pola Laura Nikola Martyna Kinga Milena Weronika Patrycja Kamila
Małgorzata Karolina Klaudia Dominika Marcelina Jagoda Łucja Róża Iga Michalina Kornelia Sandra
Helena Liliana Andreea Ioana Sofia Elena Ștefania Alexia Daria Bianca Alexandra Denisa Ana
Anastasia Eva Ilinca Mihaela Raluca Larisa Antonia Sara Teodora Briana Delia Miruna Timea Ariana
Melisa Anisia Cătălina
""")

SURNAMES = words("""
Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak
Dąbrowski Kozłowski Jankowski Mazur Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając
Pawłowski Michalski Król Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Stępień
Malinowski Jaworski Adamczyk Dudek Nowicki Pawlak Górski Witkowski Walczak Sikora Baran Rutkowski
Michalak Szewczyk Ostrowski Tomaszewski Pietrzak Zalewski Wróblewski Marciniak Jasiński Zawadzki
Bąk Jakubowski Sadowski Duda Włodarczyk Wilk Chmielewski Borkowski Sokołowski Szczepański Sawicki
Kucharski Lis Maciejewski Popa Popescu Ionescu Dumitru Stan Radu Stoica Gheorghe Constantin Marin
Rusu Munteanu Matei Ciobanu Șerban Moldovan Dinu Lazăr Florea Ilie Ene Tudor Dobre Barbu Nistor
Lungu Vasile Oprea Ungureanu Cojocaru Toma Stanciu Manea Bălan Drăgan Crăciun Sandu Ștefan Petre
Neagu Voicu Iordache Diaconu
""")

SURNAME_STARTS = words("""
Bar Biel Bor Bron Chmiel Czar Dob Droz Gaw Gór Jan Jaw Kal Kar Kos Kra Krup Lip Łaz Mal Mil Mos
Nied Ogor Ols Paw Piot Rad Rog Sad Sier Smol Sob Star Strze Szcz Topol Urb Wal Wil Wod Zab Zar
""")
SURNAME_ENDS = words("""
owski ewski iński acki icki czak czyk asik ecki iak orek ylski ański eanu escu aru oiu
""")

SECOND_GIVEN = {
    "female": words("Maria Anna Zofia Elena Ioana Barbara Irina"),
    "male": words("Jan Andrzej Piotr Ioan Marian Jerzy Florin Józef"),
}

PARENTS = {
    "female": words("""
Agnieszka Katarzyna Anna Monika Magdalena Joanna Małgorzata Ewa Beata Dorota Aneta Justyna Izabela
Sylwia Marta Iwona Paulina Renata Edyta Kinga Mihaela Elena Cristina Alina Daniela Ramona Simona
Loredana Nicoleta Florentina Gabriela Oana Andreea Roxana Georgiana Corina Adina
"""),
    "male": words("""
Piotr Krzysztof Tomasz Paweł Marcin Michał Grzegorz Łukasz Mariusz Dariusz Rafał Jacek Robert
Artur Sławomir Radosław Adrian Zbigniew Przemysław Andrzej Ion Vasile Gheorghe Florin Marian
Cătălin Bogdan Adrian Daniel Constantin Costel Sorin Viorel Mihai Dumitru Ciprian Iulian Lucian
"""),
}
