"""Names of Black African and Caribbean families (West African, Somali, Caribbean)."""

from tests.support.synthetic_children.words import words

BOYS = words("""
Joshua Daniel David Emmanuel Samuel Elijah Nathaniel Michael Jeremiah Isaiah Caleb Josiah Gabriel
Malachi Tyrell Jerome Kwame Kofi Kwaku Yaw Kojo Ayomide Oluwaseun Ayodele Tobi Temitope Babatunde
Chidi Chukwuemeka Obinna Ikenna Emeka Kelechi Tunde Femi Olamide Damilola Abdi Abdirahman Mohamed
Liban Khalid Zakariye Ayanle Guled Warsame Hamza Bilal Tendai Farai Tinashe Kudzai Themba Malik
Omari Jamal Tyrese Rashaan Zion Micah Ezekiel Reuben Amari Kaiden Darnell Marlon Dwayne Nathan
Ethan Jaden
""")

GIRLS = words("""
Naomi Grace Esther Deborah Hannah Abigail Rachel Gabrielle Ruth Tiana Alicia Jada Aaliyah Imani
Zuri Amara Adaeze Chioma Ngozi Ifeoma Chiamaka Adaora Oluwaseyi Temiloluwa Ayomide Folake Yetunde
Simisola Oluwadamilola Morayo Ama Akosua Abena Efua Adwoa Yaa Esi Hodan Ayaan Ifrah Fardowsa Sagal
Amina Halima Khadra Hibo Zamzam Nimo Rutendo Tariro Chipo Nyasha Thandiwe Makeda Shanice Kezia
Tamara Keisha Renee Dionne Nevaeh Princess Blessing Precious Favour Miracle Peace Mercy Joy Tia
Kyra Safiya
""")

SURNAMES = words("""
Mensah Owusu Williams Mohamed Boateng Campbell Brown Ali Johnson Asante Adeyemi Osei Okafor Appiah
Ahmed Clarke Hassan Francis Morgan Agyeman Okoro Eze Ibrahim Abdi Gordon Thompson Reid Grant
Bailey Nwosu Obi Adebayo Ogunleye Balogun Okeke Afolabi Oladipo Amoah Ofori Acheampong Addo Ansah
Asamoah Frimpong Gyamfi Antwi Bonsu Darko Quaye Tetteh Yeboah Opoku Sarpong Moyo Ncube Ndlovu
Sibanda Dube Banda Phiri Mutasa Chikwanha Warsame Farah Omar Yusuf Jama Osman Aden Nur Hersi Dahir
Abukar Egal Duale Samatar Isse Adewale Akinola Akande Bello Danjuma Ekwueme Igwe Madu Nnamdi
Nwachukwu Odu Ogbonna Okonkwo Olawale Onyeka Salako Sowande Uche Umar Blake Douglas Forbes Samuels
Beckford Lawes Powell Wynter Facey Gayle Dacosta Kamara Sesay Conteh Bangura Koroma Jalloh Turay
Kabia Mbeki Tesfaye
""")

SURNAME_STARTS = words("""
Ade Aje Aki Alade Ani Awo Baba Chi Chuku Dada Ebo Eji Fa Fola Ibi Ife Iro Kolu Nna Nwa Oba Odu
Ogun Oke Okon Ola Olu Omo Onye Osa Oye Oyin Udo Ugo Uzo
""")
SURNAME_ENDS = words(
    "bayo dele bola kunle wale seun sanya gbemi emeka ezie kwe noye tola yinka wumi dike"
)

# A Somali name is a chain: own, father's and grandfather's, all of them given names.
SOMALI_MALE = words("""
Mohamed Abdi Ahmed Ali Hassan Abdirahman Ibrahim Yusuf Omar Hussein Farah Warsame Jama Nur Isse
Mohamud Abdullahi Osman Dahir Liban Guled Bile Aden Zakariye Ayanle Khalid Hamza Bilal Abdullah
Abdikarim Abdiaziz Mahad Mustaf Sharmarke Saleban Daud Ismail Yahye Bashir Faisal Mukhtar Suleiman
Anas Idiris Ridwan Salman Samatar Siyad Yonis Zubeyr
""")
SOMALI_FEMALE = words("""
Aisha Hodan Ifrah Fardowsa Sagal Amina Halima Khadra Hibo Zamzam Nimo Ayaan Sahra Fatuma Maryan
Hawa Khadija Asma Hafsa Sumaya Safiya Ikran Idil Ubah Ladan Deqa Fowzia Nasteho Rahma Ruweyda
Salma Samira Shukri Yasmin Zahra Naima Muna Leyla Kaltun Ilhan Hamdi Filsan Bisharo Barwaqo Anisa
Amal Muntaha
""")

SECOND_GIVEN = {
    "female": words("Grace Oluwatoni Adjoa Faith Joy Amarachi Marie Praise Ayo Blessing"),
    "male": words("Emmanuel Oluwatobi Kwabena Junior Chinedu Ayo Anthony Prince Tafadzwa"),
}

PARENTS = {
    "female": words("""
Grace Mary Comfort Blessing Patience Esther Funmilayo Bukola Ngozi Chinyere Nkechi Abena Akua
Adwoa Sharon Marcia Beverley Michelle Simone Tanya Natasha Sahra Faduma Maryan Hawa Asha Fowsia
Rutendo Tsitsi Memory Precious Charity Folasade Omolara Ifeoma Yvonne Jacqueline Latoya Kerry
"""),
    "male": words("""
Emmanuel Samuel Joseph Kwame Kofi Kwasi Yaw Ebenezer Daniel Michael Anthony Babatunde Olumide
Segun Kayode Chukwudi Emeka Uche Ifeanyi Abdi Ahmed Hassan Ali Yusuf Farah Errol Leroy Winston
Delroy Devon Marlon Andre Tendai Tapiwa Godfrey Isaac Patrick Prince Courtney
"""),
}
