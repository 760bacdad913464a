"""Spellings of the same name that parents and clerks use side by side."""

from __future__ import annotations

_GROUPS = """
Muhammad Mohammed Mohammad Mohamed Muhammed Mohamad Md
Ahmed Ahmad Ahmet Ahamed
Hussain Hussein Husain Hossain Hussayn
Hassan Hasan Hassen
Yusuf Yousuf Yousaf Yusef Youssef Yusaf
Ibrahim Ebrahim Ibraheem
Ismail Ismaeel Esmail
Zayn Zain Zane Zayne
Umar Omar Umer Omer
Usman Osman Uthman Othman
Musa Moosa Mousa
Isa Eesa Essa
Idris Idrees Edris
Hamza Hamzah
Abdullah Abdulah Abdallah
Abdirahman Abdulrahman Abdurahman
Dawud Dawood Daud
Sulaiman Suleman Sulayman Soleman
Zakariya Zakaria Zakariyya
Yahya Yahyaa Yehya
Haris Haaris Harris
Ayaan Ayan Aayan
Eshaan Ishaan Eeshan
Aisha Ayesha Aysha Aishah Aaisha
Fatima Fatimah Fathima Fatema
Maryam Mariam Mariyam Meryem
Zainab Zaynab Zeinab Zaineb
Khadija Khadijah Khadeeja
Amina Aminah Ameena Aamina
Hafsa Hafsah Hafza
Sumayyah Sumaya Sumaiya Sumayya
Ruqayyah Ruqaiya Rukaya
Safiya Safiyyah Safia
Aaliyah Aliyah Aliya Alia
Inaya Inayah Enaya
Noor Nur Nour
Rahman Rehman Rahmaan
Chowdhury Choudhury Chaudhry Choudhry Chaudhary Chowdhry
Sheikh Shaikh Shaykh Sheik
Begum Begam
Khatun Khatoon
Akhtar Akhter Aktar
Miah Mia Meah
Siddiqui Siddique Siddiqi
Qureshi Quraishi Koreshi
Uddin Udin Ud-Din
Mahmood Mahmud Mehmood
Saleem Salim
Rashid Rasheed
Karim Kareem
Haque Haq Hoque Huq
Iqbal Eqbal
Parveen Parvin Perveen
Patel Pattel
Sandhu Sandhoo
Dhillon Dhilon Dillon
Gurpreet Gurprit
Harpreet Harprit
Jaspreet Jasprit
Kaur Kour
Arjun Arjan
Anaya Anaiya Anaaya
Riya Ria Rhea
Diya Dia
Meera Mira
Aanya Anya
Aleksander Alexander Aleksandr
Aleksandra Alexandra
Wiktoria Victoria Viktoria
Jakub Jacob Jakob
Filip Philip Phillip
Oliwia Olivia
Julia Yulia Giulia
Mateusz Matheus Matei
Zofia Sofia Sophia
Hanna Hannah Hana
Nikola Nicola
Gabriela Gabriella Gabrielle
Alexandru Alexander
Andrei Andrej Andrey
Mohamud Mahamud Maxamuud
Abdi Cabdi
Farah Faarax
Warsame Warsama
Oluwaseun Seun
Ayomide Ayo
Oluwadamilola Damilola Dami
Temiloluwa Temi
Chukwuemeka Emeka
Isaiah Isiah Izaiah
Nathaniel Nathanial Nathanael
Jeremiah Jerimiah
Aiden Aidan Ayden
Callum Calum
Finley Finlay
Connor Conor Conner
Kieran Kieron Ciaran
Rhys Reece Rees
Jaxon Jackson Jaxson
Zac Zack Zak
Jayden Jaiden Jaden
Reuben Ruben
Elliot Elliott Eliot
Harvey Harvie
Stephen Steven
Luke Luc
Sean Shaun Shawn
Niamh Neve Nieve
Aoife Eefa
Ciara Keira Kiera
Sophie Sofie Sophy
Isabelle Isabel Isobel Izabelle
Isabella Izabella
Chloe Khloe
Zoe Zoey
Katie Katy
Lily Lilly Lilli
Evie Evi Eevie
Phoebe Pheobe Phebe
Amelia Emelia
Leah Lia Lea
Lucy Lucie
Maisie Maisy
Millie Milly
Molly Mollie
Ellie Elly
Poppy Poppie
Rosie Rosy
Daisy Daisie
Darcie Darcy Darcey
Erin Eryn
Imogen Imogene
Eva Ava
Mia Mya Myah
Skye Sky
Scarlett Scarlet
Harriet Harriett
Rebecca Rebekah
Sarah Sara
Megan Meghan
Caitlin Kaitlyn Katelyn
Abigail Abigale
Thompson Thomson Tompson
Clarke Clark
Davies Davis
Reid Reed Read
Stewart Stuart
Philips Phillips
Matthews Mathews
Nicholson Nicolson
Harrison Harison
Gray Grey
Brown Browne
Johnson Johnston
Allen Allan Alan
Moore More Moor
Simpson Simson
Shaw Shore
Walsh Welsh
Doherty Dougherty Docherty
""".strip()


def _by_member() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _GROUPS.splitlines():
        names = line.split()
        for name in names:
            others = found.setdefault(name, [])
            others += (other for other in names if other != name and other not in others)
    return {name: tuple(others) for name, others in found.items()}


VARIANTS = _by_member()
"""Every name with the other spellings of it."""
